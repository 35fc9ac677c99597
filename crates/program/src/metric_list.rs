//! Every metric that a program of this workspace has: its name, its kind, its unit and what it says.
//!
//! `docs/operations.md` has the same list as a table, and `tests/metrics.rs` holds both against what the code names and
//! what the programs serve. All names begin with `scrutin_`; a counter ends in `_total`.

use metrics::Unit;

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, and begins again at 0 with the program.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many values fell into each bucket of sizes. Buckets of several instances add up.
    Histogram,
}

impl MetricKind {
    /// The word that Prometheus has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As Prometheus has it.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// In what it is counted.
    pub unit: &'static str,
    /// What it says; labels stand between back quotes.
    pub help: &'static str,
}

macro_rules! metric_list {
    ($($name:literal $kind:ident $unit:literal $help:literal)*) => {
        /// All of them, by name.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: $name, kind: MetricKind::$kind, unit: $unit, help: $help }),*];
    };
}

metric_list! {
    "scrutin_ballots_cast_total" Counter "ballots"
        "Ballots that came to `vote`, by `outcome`: `recorded`, or the code of the refusal"
    "scrutin_http_connections_cut_total" Counter "connections"
        "Connections that were ended because of a limit, by `reason`"
    "scrutin_http_request_duration_seconds" Histogram "seconds"
        "From a request's head to its answer, by `method` and `route`"
    "scrutin_http_requests_total" Counter "requests" "Requests answered, by `method`, `route` and `status`"
    "scrutin_installation_refused" Gauge "1 or 0"
        "1 while log, ledger and settings don't belong together, and nothing is taken or counted"
    "scrutin_ledger_ballots_total" Counter "ballots" "All-in-one: ballots counted"
    "scrutin_ledger_count_seconds" Histogram "seconds" "All-in-one: time that one batch of the count took"
    "scrutin_ledger_damaged_slots" Gauge "ballots"
        "All-in-one: slots of the ring file that could not be read at the start"
    "scrutin_ledger_failures_total" Counter "failures" "All-in-one: times that ballots could not be accepted or counted"
    "scrutin_ledger_lag_ballots" Gauge "ballots" "All-in-one: ballots accepted and not yet counted"
    "scrutin_ledger_lag_seconds" Gauge "seconds" "All-in-one: how long ballots have waited of which none was counted"
    "scrutin_ledger_transaction_seconds" Histogram "seconds" "All-in-one: time that accepting ballots together took"
    "scrutin_log_ballots_per_call" Histogram "ballots" "Ballots that `vote` sent to Redis in one call"
    "scrutin_log_connections_total" Counter "connections" "Connections made to Redis"
    "scrutin_log_durability" Gauge "1 or 0"
        "1 for what is known of Redis' durability, by `partition` and `state`: `disk`, `replicas`, `refused`, \
         `unseen`, `unchecked`"
    "scrutin_log_partition_ready" Gauge "1 or 0"
        "1 while this `vote` can cast ballots of the voters of the `partition`"
    "scrutin_public_keys" Gauge "keys"
        "How many of `SECRET_KEY` and `ORGANISER_TOKEN` are values of this repository, for demonstrations"
    "scrutin_result_events_sent_total" Counter "sendings"
        "Changes of an event, or of the poll that is on, sent to all screens of the event"
    "scrutin_result_heartbeat_age_seconds" Gauge "seconds"
        "How long ago the count of the polls on screens last showed that it works, by the oldest"
    "scrutin_result_read_seconds" Histogram "seconds" "Time that one read of tallies or events took"
    "scrutin_result_reads_total" Counter "reads" "Reads of tallies and events, by `outcome`"
    "scrutin_result_refused_total" Counter "connections" "Screens that were turned away, by `reason`"
    "scrutin_result_scores_sent_total" Counter "sendings" "Scores sent to all screens of a poll"
    "scrutin_result_share_age_seconds" Gauge "seconds"
        "How long ago the count of a `partition` last showed that it works, where there are several"
    "scrutin_result_viewers" Gauge "screens" "Screens connected over Socket.IO"
    "scrutin_worker_ballots_lost_total" Counter "ballots"
        "Ballots known to have been accepted and not yet counted when a log was lost"
    "scrutin_worker_ballots_total" Counter "ballots" "Ballots counted"
    "scrutin_worker_batch_entries" Histogram "entries" "Entries in one transaction of the ledger"
    "scrutin_worker_batch_seconds" Histogram "seconds" "Time that one transaction of the ledger took"
    "scrutin_worker_entries_total" Counter "entries"
        "Entries of the log that were taken into the ledger, counted or set aside"
    "scrutin_worker_gaps_total" Counter "gaps" "Parts of the log that were gone before they were counted"
    "scrutin_worker_lag_ballots" Gauge "ballots" "Ballots accepted and not yet counted, where this worker leads"
    "scrutin_worker_lag_seconds" Gauge "seconds"
        "How long the oldest uncounted ballot has waited, where this worker leads"
    "scrutin_worker_leads" Gauge "1 or 0" "1 while this worker counts the partition, 0 while it stands by"
    "scrutin_worker_ledger_failures_total" Counter "failures" "Errors of the ledger"
    "scrutin_worker_log_clock_ahead_seconds" Gauge "seconds"
        "How far the clock of the log's server is ahead of this machine's, where this worker leads"
    "scrutin_worker_log_failures_total" Counter "failures" "Errors of the log"
    "scrutin_worker_log_info" Gauge "1 or 0"
        "1 for the incarnation of the log that this worker counts, by its id; 0 for those it counted before"
    "scrutin_worker_logs_begun_total" Counter "logs"
        "Logs begun: once on the very first start, and after each loss of the log"
    "scrutin_worker_logs_lost_total" Counter "logs"
        "Times that the log was another one than the ledger had counted from"
    "scrutin_worker_polls_underway" Gauge "polls"
        "Polls of this home of which not every partition has the last change yet"
    "scrutin_worker_rejected_total" Counter "entries" "Entries set aside because they could not be counted"
}

/// Tells the recorder what each metric means.
pub(crate) fn describe() {
    for Metric { name, kind, unit, help } in METRICS {
        let unit = if *unit == "seconds" { Unit::Seconds } else { Unit::Count };
        match kind {
            MetricKind::Counter => metrics::describe_counter!(*name, unit, *help),
            MetricKind::Gauge => metrics::describe_gauge!(*name, unit, *help),
            MetricKind::Histogram => metrics::describe_histogram!(*name, unit, *help),
        }
    }
}
