//! The recount: counts every poll again from its ballots.
//!
//! It shares no code with `domain::count`, so that a bug in either shows as a difference.

use domain::{Audit, Choices, Gap, Partition, PollColumns, Position, Recount, VoteCounts, VoterId};
use rusqlite::{Connection, OptionalExtension, Result as SqlResult};

use crate::{
    ring_file::Accepted,
    store::{self, PARTITION, StoreError, StoredPoll, choices, position, unsigned, voter},
    tree_recount,
};

/// Counts everything again, including the `uncounted` ballots. The caller's transaction makes it one snapshot.
pub(crate) fn audit(conn: &Connection, uncounted: &[Accepted]) -> Result<Audit, StoreError> {
    check_rows(conn)?;
    let mut audit = Audit::default();
    for stored in store::polls(conn, None)? {
        // What waits to be counted was cast in this process.
        let uncounted = if stored.partition == PARTITION { uncounted } else { &[] };
        audit.recounts.push(Recount {
            poll: stored.poll.id(),
            partition: stored.partition,
            round: stored.round,
            kept: stored.figures(conn)?,
            recounted: recount(conn, &stored, uncounted)?,
        });
        audit.trees.append(&mut tree_recount::of_poll(conn, &stored)?);
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

/// Rows that no poll's figures would show: those of a poll or tree that is not there; and polls whose columns are not
/// those of their record.
fn check_rows(conn: &Connection) -> Result<(), StoreError> {
    for table in ["ballots", "tallies", "turnout", "trees", "terms"] {
        check_owners(conn, table, "poll", "polls")?;
    }
    for table in ["tiles", "tree_closes"] {
        check_owners(conn, table, "tree", "trees")?;
    }
    let mut select = conn.prepare("SELECT poll, id, state, listed, version, round FROM polls")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let poll = store::record(row, 0)?;
        let (id, state, listed) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let columns = PollColumns { id, state, listed, version: unsigned(row, 4)?, round: row.get(5)? };
        if !columns.are_of(&poll) {
            return Err(StoreError::Data(format!("the row of the poll {} is not that of its record", poll.id())));
        }
    }
    Ok(())
}

/// Whether each row of a table belongs to one of `owners`, by its number.
fn check_owners(conn: &Connection, table: &str, column: &str, owners: &str) -> Result<(), StoreError> {
    let sql = format!("SELECT {column} FROM {table} WHERE {column} NOT IN (SELECT number FROM {owners}) LIMIT 1");
    match conn.query_row(&sql, (), |row| row.get::<_, i64>(0)).optional()? {
        Some(number) => Err(StoreError::Data(format!("{table} has rows of number {number}, which {owners} lacks"))),
        None => Ok(()),
    }
}

/// Reads the ballots by voter and position, which is the table's order, so it needs no memory. The last ballot of each
/// voter counts, if it is from the current round.
fn recount(conn: &Connection, poll: &StoredPoll, uncounted: &[Accepted]) -> Result<VoteCounts, StoreError> {
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
    let of_poll = uncounted.iter().filter(|(_, ballot)| ballot.poll == poll.poll.id());
    let mut uncounted: Vec<_> = of_poll.map(|(position, ballot)| (ballot.voter, *position, ballot.choices)).collect();
    uncounted.sort_unstable_by_key(|&(voter, position, _)| (voter, position));
    let mut uncounted = uncounted.into_iter().peekable();
    let mut select =
        conn.prepare("SELECT voter, position, choices FROM ballots WHERE poll = ?1 ORDER BY voter, position")?;
    let mut rows = select.query([poll.number])?;
    while let Some(row) = rows.next()? {
        let (voter, position, choices) = (voter(row, 0)?, position(row, 1)?, choices(row, 2)?);
        while let Some(before) = uncounted.next_if(|before| (before.0, before.1) < (voter, position)) {
            next(before);
        }
        next((voter, position, choices));
    }
    uncounted.for_each(&mut next);
    if let Some((_, choices)) = last {
        add(&mut figures, choices);
    }
    Ok(figures)
}

fn add(figures: &mut VoteCounts, choices: Choices) {
    figures.voters += 1;
    for option in choices.indices() {
        // A vote for an option that the poll does not have must show as a difference.
        figures.votes.resize(figures.votes.len().max(option + 1), 0);
        figures.votes[option] += 1;
    }
}
