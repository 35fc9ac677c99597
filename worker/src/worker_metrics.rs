//! The metrics of the worker; `program::metric_list` says what each means. Every series is labelled with its partition
//! and is there, at zero, from the start.

use std::time::Duration;

use domain::{ApplyOutcome, LogId, Partition};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

const LEADS: &str = "scrutin_worker_leads";
const ENTRIES: &str = "scrutin_worker_entries_total";
const BALLOTS: &str = "scrutin_worker_ballots_total";
const REJECTED: &str = "scrutin_worker_rejected_total";
const BATCH_ENTRIES: &str = "scrutin_worker_batch_entries";
const BATCH_SECONDS: &str = "scrutin_worker_batch_seconds";
const LAG_BALLOTS: &str = "scrutin_worker_lag_ballots";
const LAG_SECONDS: &str = "scrutin_worker_lag_seconds";
const LOG_INFO: &str = "scrutin_worker_log_info";
const LOGS_BEGUN: &str = "scrutin_worker_logs_begun_total";
const LOGS_LOST: &str = "scrutin_worker_logs_lost_total";
const BALLOTS_LOST: &str = "scrutin_worker_ballots_lost_total";
const GAPS: &str = "scrutin_worker_gaps_total";
const REFUSED: &str = "scrutin_installation_refused";
const LEDGER_FAILURES: &str = "scrutin_worker_ledger_failures_total";
const LOG_FAILURES: &str = "scrutin_worker_log_failures_total";

/// The metrics of one partition.
pub(crate) struct WorkerMetrics {
    partition: Partition,
    /// Of the log that is counted.
    log_info: Option<Gauge>,
    pub(crate) leads: Gauge,
    entries: Counter,
    ballots: Counter,
    rejected: Counter,
    batch_entries: Histogram,
    batch_seconds: Histogram,
    pub(crate) lag_ballots: Gauge,
    pub(crate) lag_seconds: Gauge,
    pub(crate) logs_begun: Counter,
    pub(crate) logs_lost: Counter,
    pub(crate) ballots_lost: Counter,
    pub(crate) gaps: Counter,
    pub(crate) refused: Gauge,
    pub(crate) ledger_failures: Counter,
    pub(crate) log_failures: Counter,
}

impl WorkerMetrics {
    pub(crate) fn new(partition: Partition) -> Self {
        let of = [("partition", partition.to_string())];
        Self {
            partition,
            log_info: None,
            leads: gauge!(LEADS, &of),
            entries: counter!(ENTRIES, &of),
            ballots: counter!(BALLOTS, &of),
            rejected: counter!(REJECTED, &of),
            batch_entries: histogram!(BATCH_ENTRIES, &of),
            batch_seconds: histogram!(BATCH_SECONDS, &of),
            lag_ballots: gauge!(LAG_BALLOTS, &of),
            lag_seconds: gauge!(LAG_SECONDS, &of),
            logs_begun: counter!(LOGS_BEGUN, &of),
            logs_lost: counter!(LOGS_LOST, &of),
            ballots_lost: counter!(BALLOTS_LOST, &of),
            gaps: counter!(GAPS, &of),
            refused: gauge!(REFUSED, &of),
            ledger_failures: counter!(LEDGER_FAILURES, &of),
            log_failures: counter!(LOG_FAILURES, &of),
        }
    }

    /// From now on this log is counted; `None` for none.
    pub(crate) fn counts(&mut self, log: Option<&LogId>) {
        if let Some(before) = self.log_info.take() {
            before.set(0);
        }
        self.log_info = log.map(|log| {
            let of = [("partition", self.partition.to_string()), ("log", log.as_str().to_owned())];
            let info = gauge!(LOG_INFO, &of);
            info.set(1);
            info
        });
    }

    /// A batch of `entries` was counted, and it took `time`.
    pub(crate) fn batch(&self, entries: usize, applied: &ApplyOutcome, time: Duration) {
        let entries = u32::try_from(entries).unwrap_or(u32::MAX);
        self.entries.increment(u64::from(entries));
        self.ballots.increment(applied.ballots);
        self.rejected.increment(applied.rejected);
        self.batch_entries.record(f64::from(entries));
        self.batch_seconds.record(time.as_secs_f64());
    }
}
