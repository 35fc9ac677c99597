//! What a log must say of polls so that counting it comes to the same ledger again.

use crate::{
    entry::{Entry, Record},
    poll::Poll,
    position::Position,
};

/// The entries for polls of a ledger, each with the position at which its round began, in the order of their positions.
///
/// A ledger keeps ballots and not each change of a poll. So there is the poll as it is now, where its round began; and,
/// if that was a reset, the poll as it was until then, before all ballots. `None` if there are more polls than fit
/// before all ballots.
pub fn poll_entries(polls: impl IntoIterator<Item = (Poll, Position)>) -> Option<Vec<Entry>> {
    let (mut entries, mut sequence) = (Vec::new(), 0);
    let mut before_all = |entries: &mut Vec<Entry>, poll| {
        sequence += 1;
        entries.push(entry(Position::new(0, sequence)?, poll));
        Some(())
    };
    for (poll, since) in polls {
        if let Some(before) = poll.before_reset() {
            before_all(&mut entries, before)?;
        }
        if since == Position::ZERO {
            before_all(&mut entries, poll)?;
        } else {
            entries.push(entry(since, poll));
        }
    }
    entries.sort_unstable_by_key(|entry| entry.position);
    Some(entries)
}

fn entry(position: Position, poll: Poll) -> Entry {
    Entry { position, record: Ok(Record::Poll(Box::new(poll))) }
}
