//! Single reads of the ledger, without the board's memory: for exports and the public list.

use domain::{CurrentBallot, PollId, Scoreboard, Tally, Unavailable, VoterId};

/// How many ballots are read at a time: less than a megabyte of memory, and a few milliseconds of the ledger's time.
pub(crate) const BALLOTS_PER_PAGE: u32 = 5_000;

/// A poll and its tally as they are now; `None` if there is no such poll.
pub(crate) async fn tally(scoreboard: &dyn Scoreboard, poll: PollId) -> Result<Option<Tally>, Unavailable> {
    let mut tallies = scoreboard.tallies(&[poll]).await?;
    Ok(tallies.pop())
}

/// The next ballots that count in this round, in order of voters, at most [`BALLOTS_PER_PAGE`]: fewer are the last.
pub(crate) async fn ballots(
    scoreboard: &dyn Scoreboard,
    poll: PollId,
    round: u32,
    after: Option<VoterId>,
) -> Result<Vec<CurrentBallot>, Unavailable> {
    scoreboard.ballots(poll, round, after, BALLOTS_PER_PAGE).await
}

/// The polls of the public list that are open, by id; at most 1,000.
pub(crate) async fn listed(scoreboard: &dyn Scoreboard) -> Result<Vec<Tally>, Unavailable> {
    let ids = scoreboard.listed().await?;
    let mut tallies = scoreboard.tallies(&ids).await?;
    // Between the two reads a poll may have been closed or removed from the list.
    tallies.retain(|tally| tally.poll.listed() && tally.poll.is_open());
    tallies.sort_by_key(|tally| tally.poll.id());
    Ok(tallies)
}
