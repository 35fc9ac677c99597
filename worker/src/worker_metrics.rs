//! The metrics of leading and counting; those of losses, outages and refusals are kept where these are reported.
//! `program::metric_list` says what each means. Every series is labelled with its partition and is there, at zero, from
//! the start.

use std::time::Duration;

use domain::{ApplyOutcome, LogId, Partition};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::{clocks::ClockOffset, lag::Lag};

const LEADS: &str = "scrutin_worker_leads";
const ENTRIES: &str = "scrutin_worker_entries_total";
const BALLOTS: &str = "scrutin_worker_ballots_total";
const REJECTED: &str = "scrutin_worker_rejected_total";
const BATCH_ENTRIES: &str = "scrutin_worker_batch_entries";
const BATCH_SECONDS: &str = "scrutin_worker_batch_seconds";
const LAG_BALLOTS: &str = "scrutin_worker_lag_ballots";
const LAG_SECONDS: &str = "scrutin_worker_lag_seconds";
const LOG_CLOCK: &str = "scrutin_worker_log_clock_ahead_seconds";
const LOG_INFO: &str = "scrutin_worker_log_info";
const LOGS_BEGUN: &str = "scrutin_worker_logs_begun_total";

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
    lag_ballots: Gauge,
    lag_seconds: Gauge,
    log_clock: Gauge,
    pub(crate) logs_begun: Counter,
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
            log_clock: gauge!(LOG_CLOCK, &of),
            logs_begun: counter!(LOGS_BEGUN, &of),
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

    /// How far the clock of the log's server is ahead of this machine's, if it has just been read.
    pub(crate) fn log_clock(&self, ahead: Option<ClockOffset>) {
        if let Some(ahead) = ahead {
            self.log_clock.set(ahead.seconds());
        }
    }

    /// How far the count is behind.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge of more than 2^53 ballots or milliseconds may be off by one"
    )]
    pub(crate) fn lag(&self, lag: &Lag, now_millis: u64) {
        self.lag_ballots.set(lag.ballots() as f64);
        self.lag_seconds.set(lag.millis(now_millis) as f64 / 1_000.0);
    }
}
