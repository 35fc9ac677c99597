//! A teller: counts one partition of the log while it holds the lead.
//!
//! This module takes the lead, keeps it while the log fails, and releases it when the ledger fails. [`crate::attach`]
//! and [`crate::counting`] do the work in between, each with a type of its own.

use std::{sync::Arc, time::Duration};

use domain::{Ledger, Ledgers, Unavailable};
use tracing::info;

use crate::{asking::StopReason, attach::Attaching, counting::Counting, teller_parts::TellerParts};

/// How often a standby asks for the lead. A killed leader is replaced after this time, and the time that the ledger's
/// server takes to notice.
const STANDBY_RETRY: Duration = Duration::from_secs(1);
/// The pause before this worker asks for the lead again after it refused log and ledger.
const REFUSED_RETRY: Duration = Duration::from_secs(2);
/// The limit on a question to the log while the ledger is unreachable, so that the ledger is asked again soon.
const SIDE_GLANCE: Duration = Duration::from_secs(1);

/// Counts one partition: asks for the lead, and leads while it has it.
pub(crate) struct Teller {
    ledgers: Arc<dyn Ledgers>,
    parts: TellerParts,
}

impl Teller {
    pub(crate) fn new(ledgers: Arc<dyn Ledgers>, parts: TellerParts) -> Self {
        Self { ledgers, parts }
    }

    /// Counts until shutdown.
    pub(crate) async fn run(self) {
        let (spreader, closer) = (self.parts.spreader.clone(), self.parts.closer.clone());
        tokio::select! {
            () = self.count_as_leader() => {}
            () = spreader.run() => {}
            () = closer.run() => {}
        }
    }

    async fn count_as_leader(mut self) {
        let partition = self.parts.partition.number();
        while let Some(mut ledger) = self.apply_for_lead().await {
            self.parts.health.leads(true);
            self.parts.metrics.leads.set(1);
            self.parts.retention.restart();
            let stop = self.lead(ledger.as_mut(), &program::random_text::<16>()).await;
            // The lock belongs to the ledger's connection: this releases the lead.
            drop(ledger);
            self.parts.view.lead_ended();
            self.parts.spreader.forget();
            self.parts.closer.forget();
            self.parts.health.leads(false);
            self.parts.metrics.leads.set(0);
            self.parts.metrics.counts(None);
            match stop {
                StopReason::Ledger(error) => self.ledger_failed(&error),
                // Another worker may have the right settings.
                StopReason::Refused if self.pause(REFUSED_RETRY).await.is_some() => {}
                _ => info!(event = "lead.released", partition, "another worker may count"),
            }
        }
    }

    /// Asks for the lead until it gets it; `None` on shutdown.
    async fn apply_for_lead(&mut self) -> Option<Box<dyn Ledger>> {
        let (shutdown, partition) = (self.parts.shutdown.clone(), self.parts.partition);
        let mut standing_by = false;
        loop {
            let pause = match shutdown.run_until_cancelled(self.ledgers.lead(partition)).await? {
                Ok(Some(ledger)) => {
                    self.parts.health.ledger_answered();
                    if !self.parts.identity.is_refused() {
                        info!(event = "lead.taken", partition = partition.number(), "this worker counts now");
                    }
                    return Some(ledger);
                }
                Ok(None) => {
                    self.parts.health.ledger_answered();
                    self.parts.outages.ledger_works();
                    self.stand_by(&mut standing_by);
                    STANDBY_RETRY
                }
                Err(error) => {
                    self.ledger_failed(&error);
                    shutdown.run_until_cancelled(self.watch_lag_grow()).await?;
                    self.parts.outages.ledger_pause()
                }
            };
            self.pause(pause).await?;
        }
    }

    fn stand_by(&mut self, standing_by: &mut bool) {
        // Another worker counts and reports the lag.
        self.parts.health.stands_by();
        self.parts.view.stands_by();
        self.show_lag();
        if !*standing_by {
            *standing_by = true;
            info!(event = "lead.standby", partition = self.parts.partition.number(), "another worker counts");
        }
    }

    /// Leads until shutdown, until the ledger fails, or until log and ledger are refused. `leader` is this lead's name
    /// in the log.
    async fn lead(&mut self, ledger: &mut dyn Ledger, leader: &str) -> StopReason {
        let shutdown = self.parts.shutdown.clone();
        loop {
            let attaching = Attaching::new(&mut self.parts, ledger, leader).attach();
            let attached = shutdown.run_until_cancelled(attaching).await.unwrap_or(Err(StopReason::Shutdown));
            let stop = match attached {
                Ok(from) => {
                    let Err(stop) = Counting::new(&mut self.parts, ledger, from).count().await;
                    stop
                }
                Err(stop) => stop,
            };
            let pause = match stop {
                StopReason::Shutdown | StopReason::Ledger(_) | StopReason::Refused => return stop,
                StopReason::Log(error) => self.parts.outages.log_failed(&error),
                StopReason::Moved(reason) => self.parts.outages.attachment_ended(reason),
            };
            if self.pause(pause).await.is_none() {
                return StopReason::Shutdown;
            }
        }
    }

    /// Waits, up to a quarter longer; `None` on shutdown.
    async fn pause(&mut self, pause: Duration) -> Option<()> {
        let pause = (self.parts.rules.jitter)(pause);
        self.parts.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await
    }

    fn ledger_failed(&mut self, error: &Unavailable) {
        self.parts.health.ledger_failed(error);
        self.parts.outages.ledger_failed(error);
    }

    /// Measures the lag while the ledger is unreachable, when nobody counts.
    async fn watch_lag_grow(&mut self) {
        if self.parts.view.lag().is_known()
            && let Ok(Ok(accepted)) = tokio::time::timeout(SIDE_GLANCE, self.parts.log.accepted()).await
        {
            self.parts.view.accepted_without_ledger(accepted, program::now_millis());
            self.show_lag();
        }
    }

    fn show_lag(&self) {
        self.parts.metrics.lag(self.parts.view.lag(), program::now_millis());
    }
}
