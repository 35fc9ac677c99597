//! Tells the operator when log or ledger stop working and when they work again, and how long to pause in between.

use std::time::Duration;

use domain::{Partition, Unavailable};
use metrics::{Counter, counter};
use program::outage::Outage;
use tracing::{info, warn};

/// The longest pause before the log is tried again. A server that came back accepts no ballots until a leader attaches.
const LONGEST_LOG_PAUSE: Duration = Duration::from_millis(500);

/// The outages of one partition's log and ledger. Each is logged once when it begins and once when it ends.
pub(crate) struct OutageReport {
    partition: Partition,
    ledger: Outage,
    log: Outage,
    /// Attachments that ended soon.
    unrest: Outage,
    ledger_failures: Counter,
    log_failures: Counter,
}

impl OutageReport {
    pub(crate) fn new(partition: Partition) -> Self {
        let of = [("partition", partition.to_string())];
        Self {
            partition,
            ledger: Outage::default(),
            log: Outage::with_pauses_up_to(LONGEST_LOG_PAUSE),
            unrest: Outage::default(),
            ledger_failures: counter!("scrutin_worker_ledger_failures_total", &of),
            log_failures: counter!("scrutin_worker_log_failures_total", &of),
        }
    }

    pub(crate) fn ledger_failed(&mut self, error: &Unavailable) {
        self.ledger_failures.increment(1);
        if self.ledger.failed() {
            warn!(event = "ledger.away", partition = self.partition.number(), %error,
                "counting stops; ballots are still accepted and stay in the log");
        }
    }

    /// The pause before the ledger is tried again.
    pub(crate) fn ledger_pause(&mut self) -> Duration {
        self.ledger.pause()
    }

    /// The ledger answered.
    pub(crate) fn ledger_works(&mut self) {
        if let Some(away) = self.ledger.over() {
            let (partition, away_ms) = (self.partition.number(), away.as_millis());
            info!(event = "ledger.back", partition, away.ms = away_ms, "the ledger works again");
        }
    }

    /// Returns the pause before the log is tried again.
    pub(crate) fn log_failed(&mut self, error: &Unavailable) -> Duration {
        self.log_failures.increment(1);
        if self.log.failed() {
            warn!(event = "log.away", partition = self.partition.number(), %error,
                "the log can't be read, and may accept no ballots");
        }
        self.log.pause()
    }

    /// The log answered.
    pub(crate) fn log_works(&mut self) {
        if let Some(away) = self.log.over() {
            let (partition, away_ms) = (self.partition.number(), away.as_millis());
            info!(event = "log.back", partition, away.ms = away_ms, "the log works again");
        }
    }

    /// Returns the pause before log and ledger are attached again.
    pub(crate) fn attachment_ended(&mut self, reason: &'static str) -> Duration {
        let partition = self.partition.number();
        warn!(event = "log.detached", partition, reason, "log and ledger are attached again");
        self.unrest.failed();
        self.unrest.pause()
    }

    /// Log and ledger are unchanged since they were attached.
    pub(crate) fn attachment_lasts(&mut self) {
        self.unrest.over();
    }
}
