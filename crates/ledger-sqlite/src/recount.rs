//! The proof: every poll counted again from its ballots.
//!
//! It shares no code with the count that keeps the figures up, so that a mistake in one shows against the other.

use domain::{Audit, Choices, Gap, Partition, Position, Recount, VoteCounts, VoterId};
use rusqlite::{Connection, Result as SqlResult};

use crate::{
    store::{self, StoreError, StoredPoll, choices, position, unsigned, voter},
    waiting::Accepted,
};

/// Counts everything again, and beside it ballots that wait to be counted, as they will be. One transaction of the caller
/// makes it one moment.
pub(crate) fn audit(conn: &Connection, waiting: &[Accepted]) -> Result<Audit, StoreError> {
    let mut audit = Audit::default();
    for poll in store::polls(conn, None)? {
        let (kept, recounted) = (poll.figures(conn)?, recount(conn, &poll, waiting)?);
        audit.polls.push(Recount { poll: poll.poll.id(), kept, recounted });
    }
    let mut select =
        conn.prepare("SELECT partition, after, through, ballots FROM gaps ORDER BY partition, after, through")?;
    let gaps = select.query_map((), |row| {
        Ok(Gap {
            partition: Partition::new(row.get(0)?),
            after: position(row, 1)?,
            through: position(row, 2)?,
            ballots: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs),
        })
    })?;
    audit.gaps = gaps.collect::<SqlResult<_>>()?;
    audit.rejected = conn.query_row("SELECT count(*) FROM rejected", (), |row| unsigned(row, 0))?;
    Ok(audit)
}

/// Reads the ballots in order of voters and positions, which is the order they are stored in, so it
/// needs no memory: the last one of each voter counts, if it is of the present round.
fn recount(conn: &Connection, poll: &StoredPoll, waiting: &[Accepted]) -> Result<VoteCounts, StoreError> {
    let mut figures = VoteCounts { votes: vec![0; poll.poll.options().len()], voters: 0, ballots: 0 };
    let mut last: Option<(VoterId, Choices)> = None;
    let mut next = |(voter, position, choices): (VoterId, Position, Choices)| {
        figures.ballots += 1;
        if let Some((_, choices)) = last.take_if(|(before, _)| *before != voter) {
            add(&mut figures, choices);
        }
        if position > poll.since {
            last = Some((voter, choices));
        }
    };
    let of_poll = waiting.iter().filter(|(_, ballot)| ballot.poll == poll.poll.id());
    let mut waiting: Vec<_> = of_poll.map(|(position, ballot)| (ballot.voter, *position, ballot.choices)).collect();
    waiting.sort_unstable_by_key(|&(voter, position, _)| (voter, position));
    let mut waiting = waiting.into_iter().peekable();
    let mut select =
        conn.prepare("SELECT voter, position, choices FROM ballots WHERE poll = ?1 ORDER BY voter, position")?;
    let mut rows = select.query([poll.number])?;
    while let Some(row) = rows.next()? {
        let (voter, position, choices) = (voter(row, 0)?, position(row, 1)?, choices(row, 2)?);
        while let Some(before) = waiting.next_if(|before| (before.0, before.1) < (voter, position)) {
            next(before);
        }
        next((voter, position, choices));
    }
    waiting.for_each(&mut next);
    if let Some((_, choices)) = last {
        add(&mut figures, choices);
    }
    Ok(figures)
}

fn add(figures: &mut VoteCounts, choices: Choices) {
    figures.voters += 1;
    for option in choices.indices() {
        // A vote for an option that the poll does not have must show, as one that no kept figure matches.
        figures.votes.resize(figures.votes.len().max(option + 1), 0);
        figures.votes[option] += 1;
    }
}
