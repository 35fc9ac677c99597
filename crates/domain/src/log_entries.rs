//! What a log must say of polls and events so that counting it comes to the same ledger again.

use crate::{
    entry::{Entry, Record},
    event::Event,
    poll::Poll,
    position::Position,
};

/// The entries for polls and events of a ledger, in the order of their positions; each poll has the position at which
/// its round began.
///
/// A ledger keeps ballots and not each change of a poll. So there is the poll as it is now, where its round began; and,
/// if that was a reset, the poll as it was until then, before all ballots. Events are before all ballots too, as they
/// are now: no ballot depends on one. `None` if there are more of them than fit before all ballots.
pub fn log_entries(
    polls: impl IntoIterator<Item = (Poll, Position)>,
    events: impl IntoIterator<Item = Event>,
) -> Option<Vec<Entry>> {
    let (mut entries, mut sequence) = (Vec::new(), 0);
    let mut before_all = |entries: &mut Vec<Entry>, record| {
        sequence += 1;
        entries.push(entry(Position::new(0, sequence)?, record));
        Some(())
    };
    for (poll, since) in polls {
        if let Some(before) = poll.before_reset() {
            before_all(&mut entries, of_poll(before))?;
        }
        if since == Position::ZERO {
            before_all(&mut entries, of_poll(poll))?;
        } else {
            entries.push(entry(since, of_poll(poll)));
        }
    }
    for event in events {
        before_all(&mut entries, Record::Event(Box::new(event)))?;
    }
    entries.sort_unstable_by_key(|entry| entry.position);
    Some(entries)
}

fn of_poll(poll: Poll) -> Record {
    Record::Poll(Box::new(poll))
}

fn entry(position: Position, record: Record) -> Entry {
    Entry { position, record: Ok(record) }
}
