//! The domain's types in columns.

use domain::{Choices, Event, Partition, Partitions, Poll, PollId, Position, VoteCounts, VoterId};
use tokio_postgres::{Row, row::RowIndex};
use uuid::Uuid;

use crate::database_error::DatabaseError;

/// A position.
pub(crate) fn position(row: &Row, column: impl RowIndex + std::fmt::Display) -> Result<Position, DatabaseError> {
    to_position(row.try_get(column)?)
}

/// A position from its number.
pub(crate) fn to_position(number: i64) -> Result<Position, DatabaseError> {
    Position::from_i64(number).ok_or(DatabaseError::Unreadable("a position"))
}

/// A partition.
pub(crate) fn partition(row: &Row, column: &str) -> Result<Partition, DatabaseError> {
    let number = u16::try_from(row.try_get::<_, i32>(column)?);
    number.map(Partition::new).map_err(|_| DatabaseError::Unreadable("a partition"))
}

/// A number of partitions.
pub(crate) fn partitions(row: &Row, column: &str) -> Result<Partitions, DatabaseError> {
    let count = u16::try_from(row.try_get::<_, i32>(column)?).ok();
    let partitions = count.and_then(|count| Partitions::new(count).ok());
    partitions.ok_or(DatabaseError::Unreadable("an installation"))
}

/// A round.
pub(crate) fn round(row: &Row, column: &str) -> Result<u32, DatabaseError> {
    u32::try_from(row.try_get::<_, i64>(column)?).map_err(|_| DatabaseError::Unreadable("a round"))
}

/// A poll from its JSON.
pub(crate) fn poll(row: &Row, column: &str) -> Result<Poll, DatabaseError> {
    serde_json::from_str(row.try_get(column)?).map_err(|_| DatabaseError::Unreadable("a poll"))
}

/// An event from its JSON.
pub(crate) fn event(row: &Row, column: &str) -> Result<Event, DatabaseError> {
    serde_json::from_str(row.try_get(column)?).map_err(|_| DatabaseError::Unreadable("an event"))
}

/// A poll's id.
pub(crate) fn poll_id(row: &Row, column: &str) -> Result<PollId, DatabaseError> {
    PollId::parse(row.try_get(column)?).map_err(|_| DatabaseError::Unreadable("a poll's id"))
}

/// A ballot's choices from their number.
pub(crate) fn choices(number: i32) -> Result<Choices, DatabaseError> {
    let bits = u32::try_from(number).ok();
    bits.and_then(|bits| Choices::from_bits(bits).ok()).ok_or(DatabaseError::Unreadable("a ballot"))
}

/// A ballot's choices as a number.
pub(crate) fn bits(choices: Choices) -> i32 {
    i32::try_from(choices.bits()).expect("there are 26 options at most")
}

/// A voter.
pub(crate) fn voter(voter: VoterId) -> Uuid {
    Uuid::from_bytes(*voter.as_bytes())
}

/// A count that can't be negative.
pub(crate) fn amount(number: i64) -> Result<u64, DatabaseError> {
    u64::try_from(number).map_err(|_| DatabaseError::Unreadable("a negative count"))
}

/// The kept figures of `poll`, from the columns that [`crate::scoreboard::SHARES`] selects. Votes for options
/// that the poll does not have are kept, so that an audit sees them.
pub(crate) fn figures(row: &Row, poll: &Poll) -> Result<VoteCounts, DatabaseError> {
    let (options, votes): (Vec<i16>, Vec<i64>) = (row.try_get("options")?, row.try_get("votes")?);
    let mut figures = VoteCounts {
        votes: vec![0; poll.options().len()],
        voters: amount(row.try_get("voters")?)?,
        ballots: amount(row.try_get("counted")?)?,
    };
    for (option, votes) in options.into_iter().zip(votes) {
        let option = usize::try_from(option).map_err(|_| DatabaseError::Unreadable("an option"))?;
        add(&mut figures.votes, option, amount(votes)?);
    }
    Ok(figures)
}

/// Adds votes for an option, which may be one that the poll does not have.
pub(crate) fn add(votes: &mut Vec<u64>, option: usize, more: u64) {
    if more > 0 && option >= votes.len() {
        votes.resize(option + 1, 0);
    }
    if let Some(votes) = votes.get_mut(option) {
        *votes += more;
    }
}
