//! The proof: every poll counted again from its ballots.
//!
//! It shares no code with the count that keeps the figures up, so that a mistake in one shows against the other.

use domain::{Audit, Figures, Gap, Partition, Recount, VoterId};
use rusqlite::{Connection, Result as SqlResult};

use crate::store::{self, StoreError, StoredPoll, choices, position, unsigned, voter};

/// Counts everything again. One transaction of the caller makes it one moment.
pub(crate) fn audit(conn: &Connection) -> Result<Audit, StoreError> {
    let mut audit = Audit::default();
    for poll in store::polls(conn, None)? {
        let (kept, recounted) = (poll.figures(conn)?, recount(conn, &poll)?);
        audit.polls.push(Recount { poll: poll.poll.id(), kept, recounted });
    }
    let mut select = conn.prepare("SELECT partition, after, through FROM gaps ORDER BY partition, after, through")?;
    let gaps = select.query_map((), |row| {
        Ok(Gap { partition: Partition::new(row.get(0)?), after: position(row, 1)?, through: position(row, 2)? })
    })?;
    audit.gaps = gaps.collect::<SqlResult<_>>()?;
    audit.rejected = conn.query_row("SELECT count(*) FROM rejected", (), |row| unsigned(row, 0))?;
    Ok(audit)
}

/// Reads the ballots in order of voters and positions, which is the order they are stored in, so it
/// needs no memory: the last one of each voter counts, if it is of the present round.
fn recount(conn: &Connection, poll: &StoredPoll) -> Result<Figures, StoreError> {
    let mut figures = Figures { votes: vec![0; poll.poll.options().len()], voters: 0, counted: 0 };
    let mut last: Option<(VoterId, domain::Choices)> = None;
    let mut select =
        conn.prepare("SELECT voter, position, choices FROM ballots WHERE poll = ?1 ORDER BY voter, position")?;
    let mut rows = select.query([poll.number])?;
    while let Some(row) = rows.next()? {
        figures.counted += 1;
        let (voter, position, choices) = (voter(row, 0)?, position(row, 1)?, choices(row, 2)?);
        if let Some((_, choices)) = last.take_if(|(before, _)| *before != voter) {
            add(&mut figures, choices);
        }
        if position > poll.since {
            last = Some((voter, choices));
        }
    }
    if let Some((_, choices)) = last {
        add(&mut figures, choices);
    }
    Ok(figures)
}

fn add(figures: &mut Figures, choices: domain::Choices) {
    figures.voters += 1;
    for option in choices.indices() {
        // A vote for an option that the poll does not have must show, as one that no kept figure matches.
        figures.votes.resize(figures.votes.len().max(option + 1), 0);
        figures.votes[option] += 1;
    }
}
