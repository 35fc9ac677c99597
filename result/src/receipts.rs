//! Receipts: whether a ballot is counted, and when. Never what it chose.

use std::{sync::Arc, time::Duration};

use domain::{HeldLeaf, Inclusion, Partition, PollId, Position, Receipt, Unavailable};
use program::log_throttle::LogThrottle;

use crate::{app::App, live::scores::PollScore, refusal::ResultRefusal};

/// The shortest time between two log lines about the same: anybody can ask, as often as they like.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// The ledger did not answer. It is logged now and then.
fn unavailable(error: &Unavailable) -> ResultRefusal {
    static LINE: LogThrottle = LogThrottle::new(BETWEEN_LINES);
    if let Some(requests) = LINE.due() {
        tracing::warn!(event = "receipts.unavailable", %error, requests, "receipts could not be looked up");
    }
    ResultRefusal::Unavailable
}

/// What a receipt tells. Times are in milliseconds since 1970.
pub(crate) struct BallotStatus {
    pub(crate) poll: PollId,
    /// In whose log it is.
    pub(crate) partition: Partition,
    pub(crate) inclusion: Inclusion,
    pub(crate) cast_at: u64,
    pub(crate) counted_at: Option<u64>,
}

/// Looks up the ballot of a receipt.
pub(crate) async fn look_up(app: &App, poll: &str, receipt: &str) -> Result<BallotStatus, ResultRefusal> {
    let poll = PollId::parse(poll).map_err(|_| ResultRefusal::UnknownReceipt)?;
    let Receipt { position, voter } =
        Receipt::decode(receipt, &app.secret, poll).map_err(|_| ResultRefusal::UnknownReceipt)?;
    let partitions = app.scoreboard.partitions().await.map_err(|error| unavailable(&error))?;
    let partition = partitions.of_voter(voter);
    let inclusion = app.scoreboard.inclusion(partition, poll, &Receipt { position, voter }).await;
    let inclusion = inclusion.map_err(|error| unavailable(&error))?;
    let counted_at = match inclusion {
        Inclusion::Counted | Inclusion::Replaced | Inclusion::PastRound => counted_at(app, partition, position).await,
        Inclusion::NotCountedYet | Inclusion::Missing => None,
    };
    let (cast_at, counted_at) = in_order(position.millis(), counted_at, program::now_millis());
    Ok(BallotStatus { poll, partition, inclusion, cast_at, counted_at })
}

/// The leaf of a receipt's ballot; `None` if it is not counted, or was before there were trees.
pub(crate) async fn leaf(app: &App, poll: &str, receipt: &str) -> Result<Option<HeldLeaf>, ResultRefusal> {
    let poll = PollId::parse(poll).map_err(|_| ResultRefusal::UnknownReceipt)?;
    let receipt = Receipt::decode(receipt, &app.secret, poll).map_err(|_| ResultRefusal::UnknownReceipt)?;
    let partitions = app.scoreboard.partitions().await.map_err(|error| unavailable(&error))?;
    let partition = partitions.of_voter(receipt.voter);
    app.scoreboard.leaf(partition, poll, &receipt).await.map_err(|error| unavailable(&error))
}

/// Times of casting and counting that are possible: neither is in the future, and casting comes first. They come from
/// two clocks, and either may have been set. The earlier one limits when the ballot was cast.
fn in_order(cast_at: u64, counted_at: Option<u64>, now: u64) -> (u64, Option<u64>) {
    /// Counting is stored to the second: within it, it is not known which came first.
    const NOTED_TO_MS: u64 = 999;
    let counted_at = counted_at.map(|counted_at| counted_at.min(now));
    let latest = counted_at.map_or(now, |counted_at| counted_at.saturating_add(NOTED_TO_MS).min(now));
    let cast_at = cast_at.min(latest);
    (cast_at, counted_at.map(|counted_at| counted_at.max(cast_at)))
}

/// The receipt says that a ballot is counted even if the time can't be read.
async fn counted_at(app: &App, partition: Partition, position: Position) -> Option<u64> {
    app.scoreboard.counted_at(partition, position).await.unwrap_or_else(|error| {
        static LINE: LogThrottle = LogThrottle::new(BETWEEN_LINES);
        if let Some(requests) = LINE.due() {
            tracing::warn!(event = "receipts.no_time", %error, requests, "the time of counting could not be looked up");
        }
        None
    })
}

/// The poll's score. A receipt is answered without it if it can't be read.
pub(crate) async fn score_if_known(app: &App, poll: PollId) -> Option<Arc<PollScore>> {
    app.score(poll).await.ok()
}

/// The stable word for it.
pub(crate) fn status(inclusion: Inclusion) -> &'static str {
    match inclusion {
        Inclusion::Counted => "counted",
        Inclusion::Replaced => "replaced",
        Inclusion::PastRound => "past_round",
        Inclusion::NotCountedYet => "waiting",
        Inclusion::Missing => "missing",
    }
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn a_receipt_never_shows_impossible_times() {
        const NOW: u64 = 1_795_423_560_000;
        let before = |millis| NOW - millis;
        // As usual: counted within the second, which is noted without its milliseconds.
        assert_eq!(in_order(before(9_500), Some(before(10_000)), NOW), (before(9_500), Some(before(9_500))));
        assert_eq!(in_order(before(9_500), Some(before(9_000)), NOW), (before(9_500), Some(before(9_000))));
        // The log's clock was set forward: cast tomorrow.
        for counted_at in [None, Some(before(1_000))] {
            let (cast_at, counted_at) = in_order(NOW + 86_400_000, counted_at, NOW);
            assert!(cast_at <= NOW && counted_at.is_none_or(|counted_at| cast_at <= counted_at), "{cast_at}");
        }
        // The ledger's clock was set back, or forward.
        let (cast_at, counted_at) = in_order(before(5_000), Some(before(3_600_000)), NOW);
        assert!(counted_at.is_some_and(|counted_at| cast_at <= counted_at && counted_at <= NOW));
        assert_eq!(in_order(before(5_000), Some(NOW + 3_600_000), NOW), (before(5_000), Some(NOW)));
    }
}
