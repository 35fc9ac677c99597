//! A teller: counts one partition of the log while it holds the lead.
//!
//! This module takes the lead, keeps it while the log fails, releases it when the ledger fails, and reports to the
//! operator. [`crate::attach`] and [`crate::counting`] do the work in between.

use std::{sync::Arc, time::Duration};

use domain::{Ledger, Ledgers, Log, LogId, Partition, PollCopies, Unavailable};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use program::outage::Outage;

use crate::{
    account::Account, asking::StopReason, findings::PriorView, health::TellerHealth, history::LogHistory, lag::Lag,
    retention::Retention, rules::Rules, spreader::Spreader, worker_metrics::WorkerMetrics,
};

/// How often a standby asks for the lead. A killed leader is replaced after this time, and the time that the ledger's
/// server takes to notice.
const STANDBY_RETRY: Duration = Duration::from_secs(1);
/// The pause before this worker asks for the lead again after it refused log and ledger.
const REFUSED_RETRY: Duration = Duration::from_secs(2);
/// The limit on a question to the log while the ledger is unreachable, so that the ledger is asked again soon.
const SIDE_GLANCE: Duration = Duration::from_secs(1);

/// The longest pause before the log is tried again. A server that came back accepts no ballots until a leader attaches.
const LONGEST_LOG_PAUSE: Duration = Duration::from_millis(500);

/// How long "everything accepted is counted" stays valid without another look at the log.
const QUIET_LASTS: Duration = Duration::from_secs(5);

/// Through what a teller reaches log and ledger.
pub(crate) struct Servers {
    pub(crate) ledgers: Arc<dyn Ledgers>,
    /// Of the teller's partition.
    pub(crate) log: Box<dyn Log>,
    /// Of all partitions.
    pub(crate) copies: Arc<dyn PollCopies>,
}

pub(crate) struct Teller {
    pub(crate) partition: Partition,
    pub(crate) rules: Arc<Rules>,
    ledgers: Arc<dyn Ledgers>,
    pub(crate) log: Box<dyn Log>,
    pub(crate) copies: Arc<dyn PollCopies>,
    pub(crate) spreader: Spreader,
    pub(crate) health: TellerHealth,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) lag: Lag,
    /// Why nothing is counted, if log and ledger don't belong together.
    pub(crate) refused: Option<String>,
    pub(crate) account: Account,
    pub(crate) retention: Retention,
    /// This teller's name in the log during one lead.
    pub(crate) leader: String,
    /// What this worker has seen of the log.
    pub(crate) history: LogHistory,
    /// At the last read or look, everything that the log had accepted was counted.
    pub(crate) quiet: bool,
    ledger_outage: Outage,
    log_outage: Outage,
    /// Attachments that ended soon.
    unrest: Outage,
    pub(crate) shutdown: CancellationToken,
    /// Whether the settings of the first poll were compared with the log.
    pub(crate) first_poll_told: bool,
}

impl Teller {
    pub(crate) fn new(
        partition: Partition,
        rules: Arc<Rules>,
        Servers { ledgers, log, copies }: Servers,
        health: TellerHealth,
        shutdown: CancellationToken,
    ) -> Self {
        let metrics = WorkerMetrics::new(partition);
        let retention = Retention::new(rules.log_retention);
        let spreader = Spreader::new(partition, rules.partitions, Arc::clone(&copies));
        Self {
            partition,
            rules,
            ledgers,
            log,
            copies,
            spreader,
            health,
            metrics,
            lag: Lag::default(),
            refused: None,
            account: Account::default(),
            retention,
            leader: String::new(),
            history: LogHistory::default(),
            quiet: false,
            ledger_outage: Outage::default(),
            log_outage: Outage::with_pauses_up_to(LONGEST_LOG_PAUSE),
            unrest: Outage::default(),
            shutdown,
            first_poll_told: false,
        }
    }

    /// Counts until shutdown.
    pub(crate) async fn run(self) {
        let spreader = self.spreader.clone();
        tokio::select! {
            () = self.count_as_leader() => {}
            () = spreader.run() => {}
        }
    }

    async fn count_as_leader(mut self) {
        while let Some(mut ledger) = self.apply_for_lead().await {
            self.health.leads(true);
            self.metrics.leads.set(1);
            self.leader = program::random_text::<16>();
            self.retention.restart();
            let stop = self.lead(ledger.as_mut()).await;
            // The lock belongs to the ledger's connection: this releases the lead.
            drop(ledger);
            self.quiet = false;
            self.spreader.forget();
            self.health.leads(false);
            self.metrics.leads.set(0);
            self.metrics.counts(None);
            match stop {
                StopReason::Ledger(error) => self.ledger_failed(&error),
                // Another worker may have the right settings.
                StopReason::Refused if self.pause(REFUSED_RETRY).await.is_some() => {}
                _ => info!(event = "lead.released", partition = self.partition.number(), "another worker may count"),
            }
        }
    }

    /// Asks for the lead until it gets it; `None` on shutdown.
    async fn apply_for_lead(&mut self) -> Option<Box<dyn Ledger>> {
        let shutdown = self.shutdown.clone();
        let mut standing_by = false;
        loop {
            let pause = match shutdown.run_until_cancelled(self.ledgers.lead(self.partition)).await? {
                Ok(Some(ledger)) => {
                    self.health.ledger_answered();
                    if self.refused.is_none() {
                        info!(event = "lead.taken", partition = self.partition.number(), "this worker counts now");
                    }
                    return Some(ledger);
                }
                Ok(None) => {
                    self.health.ledger_answered();
                    self.ledger_works();
                    self.stand_by(&mut standing_by);
                    STANDBY_RETRY
                }
                Err(error) => {
                    self.ledger_failed(&error);
                    shutdown.run_until_cancelled(self.watch_lag_grow()).await?;
                    self.ledger_outage.pause()
                }
            };
            self.pause(pause).await?;
        }
    }

    fn stand_by(&mut self, standing_by: &mut bool) {
        // Another worker counts and reports the lag.
        self.health.stands_by();
        self.lag.forget();
        self.show_lag();
        if !*standing_by {
            *standing_by = true;
            info!(event = "lead.standby", partition = self.partition.number(), "another worker counts");
        }
    }

    /// Leads until shutdown, until the ledger fails, or until log and ledger are refused.
    async fn lead(&mut self, ledger: &mut dyn Ledger) -> StopReason {
        let shutdown = self.shutdown.clone();
        loop {
            let attached = shutdown.run_until_cancelled(self.attach(ledger)).await.unwrap_or(Err(StopReason::Shutdown));
            let stop = match attached {
                Ok(attached) => {
                    let Err(stop) = self.count(ledger, attached).await;
                    stop
                }
                Err(stop) => stop,
            };
            let pause = match stop {
                StopReason::Shutdown | StopReason::Ledger(_) | StopReason::Refused => return stop,
                StopReason::Log(error) => self.log_failed(&error),
                StopReason::Moved(reason) => self.attachment_ended(reason),
            };
            if self.pause(pause).await.is_none() {
                return StopReason::Shutdown;
            }
        }
    }

    /// Waits, up to a quarter longer; `None` on shutdown.
    async fn pause(&mut self, pause: Duration) -> Option<()> {
        let pause = (self.rules.jitter)(pause);
        self.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await
    }

    fn ledger_failed(&mut self, error: &Unavailable) {
        self.metrics.ledger_failures.increment(1);
        self.health.ledger_failed(error);
        if self.ledger_outage.failed() {
            warn!(event = "ledger.away", partition = self.partition.number(), %error,
                "counting stops; ballots are still accepted and stay in the log");
        }
    }

    /// The ledger answered.
    pub(crate) fn ledger_works(&mut self) {
        if let Some(away) = self.ledger_outage.over() {
            let (partition, away_ms) = (self.partition.number(), away.as_millis());
            info!(event = "ledger.back", partition, away.ms = away_ms, "the ledger works again");
        }
    }

    fn log_failed(&mut self, error: &Unavailable) -> Duration {
        self.metrics.log_failures.increment(1);
        if self.log_outage.failed() {
            warn!(event = "log.away", partition = self.partition.number(), %error,
                "the log can't be read, and may accept no ballots");
        }
        self.log_outage.pause()
    }

    /// The log answered.
    pub(crate) fn log_works(&mut self) {
        if let Some(away) = self.log_outage.over() {
            let (partition, away_ms) = (self.partition.number(), away.as_millis());
            info!(event = "log.back", partition, away.ms = away_ms, "the log works again");
        }
    }

    fn attachment_ended(&mut self, reason: &'static str) -> Duration {
        let partition = self.partition.number();
        warn!(event = "log.detached", partition, reason, "log and ledger are attached again");
        self.unrest.failed();
        self.unrest.pause()
    }

    /// Log and ledger are unchanged since they were attached.
    pub(crate) fn attachment_lasts(&mut self) {
        self.unrest.over();
    }

    /// What this worker has seen of the log that the ledger counts.
    pub(crate) fn prior_view(&self, log: Option<&LogId>) -> PriorView {
        // Voters may reach a log that this worker does not.
        let quiet = self.quiet && self.history.is_younger_than(QUIET_LASTS);
        PriorView { quiet, ..self.history.of(log) }
    }

    /// Measures the lag while the ledger is unreachable, when nobody counts.
    async fn watch_lag_grow(&mut self) {
        if self.lag.is_known()
            && let Ok(Ok(accepted)) = tokio::time::timeout(SIDE_GLANCE, self.log.accepted()).await
        {
            self.history.has_accepted(accepted);
            self.lag.accepted_without_ledger(accepted, program::now_millis());
            self.show_lag();
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge of more than 2^53 ballots or milliseconds may be off by one"
    )]
    pub(crate) fn show_lag(&self) {
        self.metrics.lag_ballots.set(self.lag.ballots() as f64);
        self.metrics.lag_seconds.set(self.lag.millis(program::now_millis()) as f64 / 1_000.0);
    }
}
