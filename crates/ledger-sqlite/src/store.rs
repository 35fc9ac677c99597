//! Converts rows to the domain's types, and holds the look-ups that several modules need.
//!
//! Everything here runs inside a transaction of its caller.

use domain::{Choices, Event, EventId, KnownPoll, Partition, Poll, PollId, Position, Previous, VoteCounts, VoterId};
use rusqlite::{
    CachedStatement, Connection, Error as SqlError, ErrorCode, OptionalExtension, Result as SqlResult, Row, types::Type,
};

/// The partition of all ballots that are cast in this process.
pub(crate) const PARTITION: Partition = Partition::new(0);

/// What can go wrong in the file. Ports never return it directly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// An error of SQLite.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The file holds something that no release wrote, or lacks something that every release writes.
    #[error("the ledger is damaged: {0}")]
    Data(String),
    /// The file system failed, or the receiver of the data.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The thread that does the work panicked.
    #[error("it was interrupted by a fault in this program")]
    Interrupted,
    /// Another process writes, or the files are not at their paths: nothing may be written any more.
    #[error("stopped for good: {0}; see this program's log")]
    Stopped(String),
    /// The ring file is full, and none of its ballots can be counted.
    #[error("as many ballots wait to be counted as can")]
    NoRoom,
    /// No later position is available: the clock is beyond the year 2248.
    #[error("the log has no positions left")]
    NoPositionLeft,
}

impl StoreError {
    /// Whether another program has the ledger locked.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }

    /// Whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        self.code() == Some(ErrorCode::DiskFull)
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sql(error) => error.sqlite_error_code(),
            _ => None,
        }
    }
}

/// A poll as the ledger holds it.
pub(crate) struct StoredPoll {
    /// Its number in the other tables.
    pub(crate) number: i64,
    /// The poll.
    pub(crate) poll: Poll,
    /// The partition of the log that it belongs to.
    pub(crate) partition: Partition,
    /// The round being counted.
    pub(crate) round: u32,
    /// Ballots after this position belong to the current round.
    pub(crate) since: Position,
    /// How many voters have a ballot that counts.
    pub(crate) voters: u64,
    /// Ballots over all rounds.
    pub(crate) ballots: u64,
}

impl StoredPoll {
    /// What the count needs to know about it.
    pub(crate) fn known(&self) -> KnownPoll {
        KnownPoll::new(&self.poll, self.round, self.since)
    }

    /// Its figures as stored.
    pub(crate) fn figures(&self, conn: &Connection) -> Result<VoteCounts, StoreError> {
        let mut votes = vec![0; self.poll.options().len()];
        let mut select = conn.prepare_cached("SELECT option, votes FROM tallies WHERE poll = ?1")?;
        let mut rows = select.query([self.number])?;
        while let Some(row) = rows.next()? {
            let option: usize = row.get::<_, u32>(0)? as usize;
            let kept = votes.get_mut(option).ok_or_else(|| StoreError::Data(format!("votes for option {option}")))?;
            *kept = unsigned(row, 1)?;
        }
        Ok(VoteCounts { votes, voters: self.voters, ballots: self.ballots })
    }
}

const SELECT_POLL: &str = "SELECT p.number, p.poll, p.partition, p.round, p.since,
        coalesce(t.voters, 0), coalesce(t.counted, 0)
    FROM polls p LEFT JOIN turnout t ON t.poll = p.number";

/// The poll with this id, as this partition has it.
pub(crate) fn poll(conn: &Connection, partition: Partition, id: PollId) -> Result<Option<StoredPoll>, StoreError> {
    let mut select = conn.prepare_cached(&format!("{SELECT_POLL} WHERE p.id = ?1 AND p.partition = ?2"))?;
    Ok(select.query_row((id.as_str(), partition.number()), stored_poll).optional()?)
}

/// The poll with this id, as each partition has it that knows it, in their order.
pub(crate) fn rows_of(conn: &Connection, id: PollId) -> Result<Vec<StoredPoll>, StoreError> {
    let mut select = conn.prepare_cached(&format!("{SELECT_POLL} WHERE p.id = ?1 ORDER BY p.partition"))?;
    let rows = select.query_map([id.as_str()], stored_poll)?;
    Ok(rows.collect::<SqlResult<_>>()?)
}

/// All polls, or those of one partition, ordered by id and partition.
pub(crate) fn polls(conn: &Connection, partition: Option<Partition>) -> Result<Vec<StoredPoll>, StoreError> {
    let sql = format!("{SELECT_POLL} WHERE p.partition = coalesce(?1, p.partition) ORDER BY p.id, p.partition");
    let mut select = conn.prepare_cached(&sql)?;
    let polls = select.query_map([partition.map(Partition::number)], stored_poll)?;
    Ok(polls.collect::<SqlResult<_>>()?)
}

/// The event with this id.
pub(crate) fn event(conn: &Connection, id: EventId) -> Result<Option<Event>, StoreError> {
    let mut select = conn.prepare_cached("SELECT event FROM events WHERE id = ?1")?;
    Ok(select.query_row([id.as_str()], stored_event).optional()?)
}

/// The first events, or those of one partition, ordered by id.
pub(crate) fn events(conn: &Connection, partition: Option<Partition>, limit: u32) -> Result<Vec<Event>, StoreError> {
    let mut select =
        conn.prepare_cached("SELECT event FROM events WHERE partition = coalesce(?1, partition) ORDER BY id LIMIT ?2")?;
    let events = select.query_map((partition.map(Partition::number), limit), stored_event)?;
    Ok(events.collect::<SqlResult<_>>()?)
}

fn stored_event(row: &Row<'_>) -> SqlResult<Event> {
    let json: String = row.get(0)?;
    serde_json::from_str(&json).map_err(|error| unreadable(0, Type::Text, error))
}

/// A poll's record.
pub(crate) fn record(row: &Row<'_>, column: usize) -> SqlResult<Poll> {
    let json: String = row.get(column)?;
    serde_json::from_str(&json).map_err(|error| unreadable(column, Type::Text, error))
}

fn stored_poll(row: &Row<'_>) -> SqlResult<StoredPoll> {
    Ok(StoredPoll {
        number: row.get(0)?,
        poll: record(row, 1)?,
        partition: Partition::new(row.get(2)?),
        round: row.get(3)?,
        since: position(row, 4)?,
        voters: unsigned(row, 5)?,
        ballots: unsigned(row, 6)?,
    })
}

pub(crate) const NEWEST: &str =
    "SELECT position, choices FROM ballots WHERE poll = ?1 AND voter = ?2 ORDER BY position DESC LIMIT 1";

/// Looks up the newest ballots of voters. Reuse it: finding the cached statement costs as much as one look-up.
pub(crate) struct Newest<'a>(CachedStatement<'a>);

impl<'a> Newest<'a> {
    pub(crate) fn prepare(conn: &'a Connection) -> Result<Self, StoreError> {
        Ok(Self(conn.prepare_cached(NEWEST)?))
    }

    /// The newest ballot of a voter in the poll with this number, from any round.
    pub(crate) fn of(&mut self, poll: i64, voter: VoterId) -> Result<Option<Previous>, StoreError> {
        let previous = |row: &Row<'_>| Ok(Previous { position: position(row, 0)?, choices: choices(row, 1)? });
        Ok(self.0.query_row((poll, voter.as_bytes()), previous).optional()?)
    }
}

/// The same for one voter.
pub(crate) fn newest(conn: &Connection, poll: i64, voter: VoterId) -> Result<Option<Previous>, StoreError> {
    Newest::prepare(conn)?.of(poll, voter)
}

/// The position up to which a partition is counted.
pub(crate) fn counted_through(conn: &Connection, partition: Partition) -> Result<Position, StoreError> {
    let mut select = conn.prepare_cached("SELECT position FROM log WHERE partition = ?1")?;
    let found = select.query_row([partition.number()], |row| position(row, 0)).optional()?;
    Ok(found.unwrap_or(Position::ZERO))
}

/// A column that holds a position.
pub(crate) fn position(row: &Row<'_>, column: usize) -> SqlResult<Position> {
    let number = row.get(column)?;
    Position::from_i64(number).ok_or(SqlError::IntegralValueOutOfRange(column, number))
}

/// A column that holds choices.
pub(crate) fn choices(row: &Row<'_>, column: usize) -> SqlResult<Choices> {
    Choices::from_bits(row.get(column)?).map_err(|error| unreadable(column, Type::Integer, error))
}

/// A column that holds a voter.
pub(crate) fn voter(row: &Row<'_>, column: usize) -> SqlResult<VoterId> {
    Ok(VoterId::from_bytes(row.get(column)?))
}

/// A column that holds a number that is never negative.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> SqlResult<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| SqlError::IntegralValueOutOfRange(column, number))
}

/// A number as SQLite stores it.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("nobody counts beyond 2^63")
}

/// A column that holds something else than it should.
pub(crate) fn unreadable(column: usize, kind: Type, error: impl std::error::Error + Send + Sync + 'static) -> SqlError {
    SqlError::FromSqlConversionFailure(column, kind, Box::new(error))
}
