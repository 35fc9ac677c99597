//! The end of the log: ballots that were accepted and are not counted yet, in a file beside the ledger's.
//!
//! They stand in the order of their positions, so that accepting many of them writes a page or two at the end. It is a
//! file of its own because SQLite has one writer for each file: so ballots are accepted while others are counted.
//!
//! What the ledger's position has passed is counted, whether or not it is still here.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use domain::{Ballot, Entry, Event, PollId, Position};
use rusqlite::{Connection, Result as SqlResult, Row, TransactionBehavior};

use crate::{
    opening, readers,
    store::{StoreError, choices, position, voter},
};

/// A ballot at its place in the log.
pub(crate) type Accepted = (Position, Ballot);

/// What this release makes of the file; SQLite keeps the number for it.
const VERSION: u32 = 1;
const TABLES: &str = "CREATE TABLE waiting (
        position INTEGER PRIMARY KEY, -- so rows are only ever added at the end
        poll     TEXT    NOT NULL,
        voter    BLOB    NOT NULL, -- the 16 bytes of the pseudonym
        choices  INTEGER NOT NULL -- bit 0 is option a
    ) STRICT;
    PRAGMA user_version = 1;";
/// After how many ballots the file forgets those that are counted.
const FORGET_EVERY: usize = 5_000;
/// How many pages of SQLite's write-ahead log are taken in at once: 4 MiB. The pages that ballots are appended to are few.
const CHECKPOINT_PAGES: u32 = 1_000;

/// The file, for its only writer.
pub(crate) struct WaitingFile {
    conn: Connection,
    /// Ballots appended since it last forgot.
    since_forgetting: usize,
}

/// The file that belongs to the ledger at `ledger`.
pub(crate) fn path_of(ledger: &Path) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(".waiting");
    name.into()
}

impl WaitingFile {
    /// Opens it, and makes it if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut conn = Connection::open(path)?;
        opening::set_up(&conn)?;
        conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match version(&tx)? {
            0 => tx.execute_batch(TABLES)?,
            known => refuse_other_than(known)?,
        }
        tx.commit()?;
        Ok(Self { conn, since_forgetting: 0 })
    }

    /// Appends ballots; they are on the disk when this returns. Those up to `counted` may be forgotten, since the ledger
    /// has them on its disk. After an error they may be there or not.
    pub(crate) fn append(&mut self, ballots: &[Accepted], counted: Position) -> Result<(), StoreError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if self.since_forgetting >= FORGET_EVERY {
            forget(&tx, counted)?;
            self.since_forgetting = 0;
        }
        let mut insert =
            tx.prepare_cached("INSERT INTO waiting (position, poll, voter, choices) VALUES (?1, ?2, ?3, ?4)")?;
        for (position, ballot) in ballots {
            let (poll, voter) = (ballot.poll.as_str(), ballot.voter.as_bytes());
            insert.execute((position.as_i64(), poll, voter, ballot.choices.bits()))?;
        }
        drop(insert);
        tx.commit()?;
        self.since_forgetting += ballots.len();
        Ok(())
    }

    /// What stands in it after `counted`.
    pub(crate) fn after(&self, counted: Position) -> Result<Vec<Accepted>, StoreError> {
        after(&self.conn, counted)
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Forgets what is counted, and leaves the file small and without another beside it.
    pub(crate) fn close(self, counted: Position) -> Result<(), StoreError> {
        forget(&self.conn, counted)?;
        self.conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(self.conn.close().map_err(|(_, error)| error)?)
    }
}

/// What waits beside the ledger at `ledger`, whoever writes there: all that is not counted, and perhaps more.
pub(crate) fn read(ledger: &Path) -> Result<Vec<Accepted>, StoreError> {
    let path = path_of(ledger);
    if !path.try_exists()? {
        return Ok(Vec::new());
    }
    let conn = readers::connect(&path)?;
    match version(&conn)? {
        0 => Ok(Vec::new()),
        known => {
            refuse_other_than(known)?;
            after(&conn, Position::ZERO)
        }
    }
}

/// A ballot as an entry of the log.
pub(crate) fn entry(&(position, ballot): &Accepted) -> Entry {
    Entry { position, event: Ok(Event::Ballot(ballot)) }
}

fn after(conn: &Connection, counted: Position) -> Result<Vec<Accepted>, StoreError> {
    let mut select =
        conn.prepare("SELECT poll, voter, position, choices FROM waiting WHERE position > ?1 ORDER BY position")?;
    let mut rows = select.query([counted.as_i64()])?;
    let mut ballots = Vec::new();
    while let Some(row) = rows.next()? {
        ballots.push(ballot(row)?);
    }
    Ok(ballots)
}

/// A row of a poll's id, a voter, a position and choices.
pub(crate) fn ballot(row: &Row<'_>) -> Result<Accepted, StoreError> {
    let id: String = row.get(0)?;
    let poll = PollId::parse(&id).map_err(|error| StoreError::Data(format!("a poll {id:?}: {error}")))?;
    Ok((position(row, 2)?, Ballot { poll, voter: voter(row, 1)?, choices: choices(row, 3)? }))
}

fn forget(conn: &Connection, counted: Position) -> SqlResult<()> {
    conn.prepare_cached("DELETE FROM waiting WHERE position <= ?1")?.execute([counted.as_i64()])?;
    Ok(())
}

fn version(conn: &Connection) -> SqlResult<u32> {
    conn.query_row("PRAGMA user_version", (), |row| row.get(0))
}

fn refuse_other_than(known: u32) -> Result<(), StoreError> {
    if known == VERSION {
        return Ok(());
    }
    Err(StoreError::Data(format!(
        "what waits to be counted is kept in a way (version {known}) that this release can't read"
    )))
}
