//! The ledger as a log: its polls, its events and every ballot, counted or not, in the order of their positions.

use std::io;

use domain::{Ballot, Entry, PollId, Record, log_entries};
use rusqlite::Connection;

use crate::{
    ring_file::{self, Accepted},
    store::{self, StoreError, choices, position, voter},
};

/// Passes every entry to `take`, including the `uncounted` ballots. The caller's transaction makes it one snapshot.
pub(crate) fn each(
    conn: &Connection,
    uncounted: &[Accepted],
    take: &mut dyn FnMut(Entry) -> io::Result<()>,
) -> Result<(), StoreError> {
    let mut others = entries_without_ballots(conn)?.into_iter().peekable();
    // SQLite sorts many rows in a temporary file.
    let mut select = conn.prepare(
        "SELECT p.id, b.voter, b.position, b.choices FROM ballots b JOIN polls p ON p.number = b.poll
         ORDER BY b.position",
    )?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let poll = PollId::parse(&id).map_err(|error| StoreError::Data(format!("a poll {id:?}: {error}")))?;
        let ballot = Ballot { poll, voter: voter(row, 1)?, choices: choices(row, 3)? };
        let position = position(row, 2)?;
        while let Some(entry) = others.next_if(|entry| entry.position < position) {
            take(entry)?;
        }
        take(Entry { position, record: Ok(Record::Ballot(ballot)) })?;
    }
    others.try_for_each(&mut *take)?;
    // They come after the last change of any poll, because all ballots are counted before a poll changes.
    uncounted.iter().try_for_each(|ballot| Ok(take(ring_file::entry(ballot))?))
}

fn entries_without_ballots(conn: &Connection) -> Result<Vec<Entry>, StoreError> {
    let polls = store::polls(conn, None)?.into_iter().map(|stored| (stored.poll, stored.since));
    let events = store::events(conn, None, u32::MAX)?;
    log_entries(polls, events).ok_or_else(|| StoreError::Data("too many polls".to_owned()))
}
