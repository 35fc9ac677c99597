//! Tells the operator what was lost, in the worker's own log and in its metrics.

use domain::{Gap, LogId, LogState, Partition};
use metrics::{Counter, counter};
use tracing::{error, warn};

use crate::findings::Loss;

/// The losses of one partition.
pub(crate) struct LossReport {
    partition: Partition,
    logs_lost: Counter,
    gaps: Counter,
    ballots_lost: Counter,
}

impl LossReport {
    pub(crate) fn new(partition: Partition) -> Self {
        let of = [("partition", partition.to_string())];
        Self {
            partition,
            logs_lost: counter!("scrutin_worker_logs_lost_total", &of),
            gaps: counter!("scrutin_worker_gaps_total", &of),
            ballots_lost: counter!("scrutin_worker_ballots_lost_total", &of),
        }
    }

    /// What attaching found. `id` is the log that is counted from now on, `state` the ledger's before.
    pub(crate) fn found(&self, id: &LogId, state: &LogState, loss: Option<Loss>, gap: Option<Gap>) {
        let (partition, counted) = (self.partition.number(), state.position);
        match loss {
            Some(Loss::WholeLog) => {
                self.logs_lost.increment(1);
                let before = state.log.as_ref().map_or("none", LogId::as_str);
                error!(
                    event = "log.lost",
                    partition,
                    log.id = id.as_str(),
                    log.before = before,
                    "the log that the ledger counted is gone; the new one is counted from now on"
                );
            }
            Some(Loss::ItsEnd) => {
                error!(event = "log.went_back", partition, log.id = id.as_str(), %counted,
                    "Redis came back with less than it had, or a replica was promoted");
            }
            Some(Loss::Figures) => {
                warn!(
                    event = "log.repaired",
                    partition,
                    log.id = id.as_str(),
                    "the log's number of accepted ballots was too small, and nothing is missing"
                );
            }
            Some(Loss::Stream) => {
                error!(event = "log.stream_lost", partition, log.id = id.as_str(), %counted,
                    "the log's stream was deleted or evicted; a new one begins after the ledger's position");
            }
            Some(Loss::Trimmed | Loss::Entries) | None => {}
        }
        if let Some(gap) = gap {
            self.gap(gap, loss);
        }
    }

    /// A gap was noted in the ledger.
    pub(crate) fn gap(&self, Gap { after, through, ballots, .. }: Gap, loss: Option<Loss>) {
        let partition = self.partition.number();
        self.gaps.increment(1);
        self.ballots_lost.increment(ballots.unwrap_or(0));
        let lost = loss.map_or("", Loss::words);
        let ballots =
            ballots.filter(|ballots| *ballots > 0).map_or("unknown".to_owned(), |ballots| ballots.to_string());
        error!(event = "ledger.gap", partition, %after, %through, ballots, lost,
            "ballots between these positions may be lost; counting continues after them");
    }
}
