//! The format of log entries: the only encoder and the only decoder.
//!
//! A stream entry has one field. Its name is kind and version, its value holds the content:
//!
//! | field | value |
//! |---|---|
//! | `b2` | ballots for one poll: length of its id (1 byte), id; for each ballot the voter (16), the choices (4) |
//! | `p1` | a poll as it is from here on, as JSON |
//! | `e1` | an event as it is from here on, as JSON |
//! | `b1` | a ballot as the first releases wrote it: the voter's 16 bytes, the choices as 4 bytes, the poll's id |
//!
//! Choices are a big-endian bit set. Ballots that were cast together are one entry, which saves Redis nearly all work
//! per ballot. The first ballot has the entry's id as its position, the others have the positions after it; the stream
//! gives these ids to no other entry (`scripts/positions.lua`). Outside this file only `scripts/trim.lua` reads a
//! value: it counts the ballots.
//!
//! A change of meaning needs a new name. Fields after the first are ignored, so a later release may add some. An entry
//! that cannot be decoded becomes an [`UndecodableEntry`], never an error or a panic.

use domain::{Ballot, Choices, Entry, Event, Poll, PollId, Position, Record, UndecodableEntry, VoterId};
use redis::Value;

/// The field for ballots that were cast together.
pub(crate) const BALLOTS_FIELD: &str = "b2";
/// The field for a single ballot, written by the first releases.
const BALLOT_FIELD: &str = "b1";
/// The field for a poll, version 1.
pub(crate) const POLL_FIELD: &str = "p1";
/// The field for an event, version 1.
pub(crate) const EVENT_FIELD: &str = "e1";
/// The bytes of the voter's pseudonym, with which a ballot begins.
pub(crate) const VOTER_BYTES: usize = 16;
const CHOICES_BYTES: usize = 4;
/// The bytes of each ballot in a value of [`BALLOTS_FIELD`].
pub(crate) const BALLOT_BYTES: usize = VOTER_BYTES + CHOICES_BYTES;
/// How many characters of an undecodable entry are kept for a person to read.
const MAX_SHOWN_CHARS: usize = 500;

/// Begins a value of [`BALLOTS_FIELD`]: the length-prefixed poll id.
pub(crate) fn begin_ballots(poll: PollId) -> Vec<u8> {
    let id = poll.as_str().as_bytes();
    let mut value = Vec::with_capacity(1 + id.len());
    value.push(u8::try_from(id.len()).expect("an id has at most 32 bytes"));
    value.extend_from_slice(id);
    value
}

/// Appends one ballot to the value.
pub(crate) fn push_ballot(ballot: &Ballot, value: &mut Vec<u8>) {
    value.extend_from_slice(ballot.voter.as_bytes());
    value.extend_from_slice(&ballot.choices.bits().to_be_bytes());
}

/// The value of a poll's field in the stream, and of the poll in the hash of polls.
pub(crate) fn encode_poll(poll: &Poll) -> String {
    serde_json::to_string(poll).expect("a poll is plain data with text keys")
}

/// Reads a poll, from the stream or from the hash.
pub(crate) fn decode_poll(json: &[u8]) -> Result<Poll, String> {
    serde_json::from_slice(json).map_err(|error| format!("not a poll: {error}"))
}

/// The value of an event's field in the stream, and of the event in the hash of events.
pub(crate) fn encode_event(event: &Event) -> String {
    serde_json::to_string(event).expect("an event is plain data with text keys")
}

/// Reads an event, from the stream or from the hash.
pub(crate) fn decode_event(json: &[u8]) -> Result<Event, String> {
    serde_json::from_slice(json).map_err(|error| format!("not an event: {error}"))
}

/// Parses a stream id, `milliseconds-sequence`. `None` if it is invalid or does not fit into a position.
pub(crate) fn decode_position(id: &[u8]) -> Option<Position> {
    let (millis, sequence) = str::from_utf8(id).ok()?.split_once('-')?;
    Position::new(millis.parse().ok()?, sequence.parse().ok()?)
}

/// A last id for a stream that continues after `position`, with free positions in its millisecond.
///
/// While its clock is behind the last id, Redis increments the sequence, for which a position has 20 bits.
pub(crate) fn last_id_above(position: Position) -> String {
    let full = position.sequence() > Position::MAX_SEQUENCE / 2;
    let id = if full { position.following(position.millis() + 1) } else { position };
    // No stream accepts 0-0.
    if id == Position::ZERO { "0-1".to_owned() } else { id.to_string() }
}

/// Decodes one stream entry (its id, then names and values of its fields in turn) and adds its content to `entries`.
///
/// An error means that the reply is not a stream entry, or that the entry has no valid position.
pub(crate) fn decode_entry(entry: Value, entries: &mut Vec<Entry>) -> Result<(), String> {
    let Value::Array(parts) = entry else { return Err(format!("an entry that is no array: {entry:?}")) };
    let Ok([Value::BulkString(id), fields]) = <[Value; 2]>::try_from(parts) else {
        return Err("an entry without an id".to_owned());
    };
    // No release writes such an entry. It cannot be set aside, because it has no position.
    let no_position = || format!("the id {} can't be a position", String::from_utf8_lossy(&id));
    let position = decode_position(&id).ok_or_else(no_position)?;
    match decode_fields(&fields) {
        Ok(Fields::Ballots(poll, ballots)) => {
            for (ballot, further) in ballots.iter().zip(0..) {
                let position = position.checked_add(further).ok_or_else(no_position)?;
                let shown = || format!("{BALLOTS_FIELD} {poll} {}", ballot.escape_ascii());
                let record = decode_ballot(poll, ballot).map(Record::Ballot);
                let record = record.map_err(|reason| UndecodableEntry { reason, entry: shown() });
                entries.push(Entry { position, record });
            }
        }
        Ok(Fields::Record(record)) => entries.push(Entry { position, record: Ok(record) }),
        Err(reason) => {
            entries.push(Entry { position, record: Err(UndecodableEntry { reason, entry: shown(&fields) }) });
        }
    }
    Ok(())
}

enum Fields<'a> {
    /// Ballots for a poll, at least one.
    Ballots(PollId, &'a [[u8; BALLOT_BYTES]]),
    Record(Record),
}

fn decode_fields(fields: &Value) -> Result<Fields<'_>, String> {
    let Value::Array(fields) = fields else { return Err("no fields".to_owned()) };
    let [Value::BulkString(name), Value::BulkString(value), ..] = fields.as_slice() else {
        return Err("no fields".to_owned());
    };
    if name == BALLOTS_FIELD.as_bytes() {
        decode_ballots(value)
    } else if name == BALLOT_FIELD.as_bytes() {
        let (ballot, poll) = value.split_first_chunk().ok_or("a ballot cut short")?;
        decode_ballot(decode_poll_id(poll)?, ballot).map(|ballot| Fields::Record(Record::Ballot(ballot)))
    } else if name == POLL_FIELD.as_bytes() {
        decode_poll(value).map(|poll| Fields::Record(Record::Poll(Box::new(poll))))
    } else if name == EVENT_FIELD.as_bytes() {
        decode_event(value).map(|event| Fields::Record(Record::Event(Box::new(event))))
    } else {
        Err("unknown kind of entry".to_owned())
    }
}

fn decode_ballots(value: &[u8]) -> Result<Fields<'_>, String> {
    let (&length, rest) = value.split_first().ok_or("ballots without a poll")?;
    let (poll, ballots) = rest.split_at_checked(usize::from(length)).ok_or("ballots without a poll")?;
    let poll = decode_poll_id(poll)?;
    match ballots.as_chunks() {
        ([], []) => Err("no ballots".to_owned()),
        (ballots, []) => Ok(Fields::Ballots(poll, ballots)),
        (_, [..]) => Err("a ballot cut short".to_owned()),
    }
}

fn decode_poll_id(id: &[u8]) -> Result<PollId, String> {
    let id = str::from_utf8(id).map_err(|_| "a ballot for a poll whose id is no text".to_owned())?;
    PollId::parse(id).map_err(|error| format!("a ballot: {error}"))
}

fn decode_ballot(poll: PollId, ballot: &[u8; BALLOT_BYTES]) -> Result<Ballot, String> {
    let (voter, choices) = ballot.split_first_chunk::<VOTER_BYTES>().expect("it has more bytes");
    let choices = u32::from_be_bytes(choices.try_into().expect("the others are the choices"));
    let choices = Choices::from_bits(choices).map_err(|error| format!("a ballot: {error}"))?;
    Ok(Ballot { poll, voter: VoterId::from_bytes(*voter), choices })
}

/// The fields as readable text: printable ASCII, shortened.
fn shown(fields: &Value) -> String {
    let Value::Array(fields) = fields else { return String::new() };
    let mut shown = String::new();
    for (index, field) in fields.iter().enumerate() {
        let Value::BulkString(bytes) = field else { continue };
        if index > 0 {
            shown.push(' ');
        }
        // An escaped byte has at most four characters, so this is always enough and never much more.
        shown.extend(bytes.iter().take(MAX_SHOWN_CHARS).flat_map(|byte| byte.escape_ascii()).map(char::from));
        if shown.len() > MAX_SHOWN_CHARS {
            shown.truncate(MAX_SHOWN_CHARS);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use domain::{EventId, EventSpec, PollSpec};
    use proptest::prelude::*;

    use super::*;

    fn encoded(ballots: &[Ballot]) -> Vec<u8> {
        let mut value = begin_ballots(ballots[0].poll);
        for ballot in ballots {
            push_ballot(ballot, &mut value);
        }
        value
    }

    fn decoded(id: &str, fields: &[&[u8]]) -> Vec<Entry> {
        let mut entries = Vec::new();
        decode_entry(entry(id, fields), &mut entries).unwrap();
        entries
    }

    fn entry(id: &str, fields: &[&[u8]]) -> Value {
        let fields = fields.iter().map(|field| Value::BulkString(field.to_vec())).collect();
        Value::Array(vec![Value::BulkString(id.into()), Value::Array(fields)])
    }

    fn ballot() -> Ballot {
        let voter = VoterId::from_bytes(*b"0123456789abcdef");
        Ballot { poll: PollId::MAIN, voter, choices: Choices::parse(["a", "c"]).unwrap() }
    }

    // Golden: entries written by one release must be read by every later one.
    // Golden: what one release wrote must be read by every later one.
    #[test]
    fn an_event_is_written_as_it_always_was() {
        let spec = EventSpec { title: "An evening".into(), polls: vec![PollId::MAIN] };
        let event = Event::new(EventId::parse("evening").unwrap(), spec).unwrap();
        let golden = r#"{"id":"evening","version":1,"title":"An evening","polls":["main"],"progress":"before"}"#;
        assert_eq!((EVENT_FIELD, encode_event(&event).as_str()), ("e1", golden));
        let read = decoded("5-0", &[b"e1", golden.as_bytes(), b"later", b"x"]);
        let position = Position::new(5, 0).unwrap();
        assert_eq!(read, [Entry { position, record: Ok(Record::Event(Box::new(event))) }]);
        let broken = decoded("5-0", &[b"e1", b"{}"]).remove(0).record.unwrap_err();
        assert!(broken.reason.starts_with("not an event"), "{broken:?}");
    }

    #[test]
    fn ballots_are_written_as_they_always_were() {
        let other = Ballot {
            voter: VoterId::from_bytes(*b"another voter..."),
            choices: Choices::parse(["b"]).unwrap(),
            ..ballot()
        };
        let golden = b"\x04main0123456789abcdef\0\0\0\x05another voter...\0\0\0\x02";
        assert_eq!(encoded(&[ballot(), other]), golden);
        let at = |sequence, ballot| Entry {
            position: Position::new(1_700_000_000_000, sequence).unwrap(),
            record: Ok(Record::Ballot(ballot)),
        };
        assert_eq!(decoded("1700000000000-3", &[b"b2", golden]), [at(3, ballot()), at(4, other)]);
    }

    #[test]
    fn a_ballot_of_the_first_releases_is_read() {
        let read = decoded("1700000000000-3", &[b"b1", b"0123456789abcdef\0\0\0\x05main"]);
        let position = Position::new(1_700_000_000_000, 3).unwrap();
        assert_eq!(read, [Entry { position, record: Ok(Record::Ballot(ballot())) }]);
    }

    #[test]
    fn a_poll_is_written_as_it_always_was() {
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
        let golden = concat!(
            r#"{"id":"main","state":"open","changes":true,"round":1,"question":"Cats or Dogs?","#,
            r#""options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false}"#
        );
        assert_eq!(encode_poll(&poll), golden);
        let read = decoded("5-0", &[b"p1", golden.as_bytes()]);
        assert_eq!(read, [Entry { position: Position::new(5, 0).unwrap(), record: Ok(Record::Poll(Box::new(poll))) }]);
    }

    #[test]
    fn fields_that_a_later_release_adds_are_passed_over() {
        let read = decoded("5-0", &[b"b2", &encoded(&[ballot()]), b"via", b"sms"]);
        assert_eq!(read, [Entry { position: Position::new(5, 0).unwrap(), record: Ok(Record::Ballot(ballot())) }]);
    }

    #[test]
    fn what_cannot_be_read_says_why_and_is_kept_to_look_at() {
        let unreadable = |fields: &[&[u8]]| {
            let mut read = decoded("5-0", fields);
            assert_eq!(read.len(), 1, "{read:?}");
            read.remove(0).record.unwrap_err()
        };
        assert_eq!(unreadable(&[]).reason, "no fields");
        assert_eq!(unreadable(&[b"b9", b"x"]).reason, "unknown kind of entry");
        assert_eq!(unreadable(&[b"b1", b"0123456789abcdef\0\0\0"]).reason, "a ballot cut short");
        assert!(unreadable(&[b"b1", b"0123456789abcdef\0\0\0\0main"]).reason.contains("no option"));
        assert!(unreadable(&[b"b1", b"0123456789abcdef\0\0\0\x01Main"]).reason.contains("poll id"));
        assert_eq!(unreadable(&[b"b2", b""]).reason, "ballots without a poll");
        assert_eq!(unreadable(&[b"b2", b"\x05main"]).reason, "ballots without a poll");
        assert_eq!(unreadable(&[b"b2", b"\x04main"]).reason, "no ballots");
        assert_eq!(unreadable(&[b"b2", b"\x04main0123456789abcdef\0\0\0\x05x"]).reason, "a ballot cut short");
        assert!(unreadable(&[b"b2", b"\x04Main0123456789abcdef\0\0\0\x05"]).reason.contains("poll id"));
        assert!(unreadable(&[b"p1", b"{}"]).reason.starts_with("not a poll"));
        assert_eq!(unreadable(&[b"b9", b"\xff\n\"x"]).entry, r#"b9 \xff\n\"x"#);
        assert_eq!(unreadable(&[b"b9", &[0; 10_000]]).entry.chars().count(), MAX_SHOWN_CHARS + 1);
    }

    #[test]
    fn a_ballot_that_cannot_be_read_takes_no_other_with_it() {
        let mut value = encoded(&[ballot(); 3]);
        let second = value.len() - 2 * BALLOT_BYTES;
        value[second..second + BALLOT_BYTES].copy_from_slice(b"0123456789abcdef\0\0\0\0");
        let read = decoded("5-7", &[b"b2", &value]);
        assert_eq!(read.iter().map(|entry| entry.position.to_string()).collect::<Vec<_>>(), ["5-7", "5-8", "5-9"]);
        assert_eq!((&read[0].record, &read[2].record), (&Ok(Record::Ballot(ballot())), &Ok(Record::Ballot(ballot()))));
        let Err(undecodable) = &read[1].record else { panic!("{read:?}") };
        assert_eq!(undecodable.entry, r"b2 main 0123456789abcdef\x00\x00\x00\x00");
        assert!(undecodable.reason.contains("no option"), "{}", undecodable.reason);
    }

    #[test]
    fn a_log_goes_on_above_a_position_with_room_for_more() {
        let above = |millis, sequence| last_id_above(Position::new(millis, sequence).unwrap());
        assert_eq!(above(0, 0), "0-1");
        assert_eq!(above(5, 7), "5-7");
        assert_eq!(above(5, Position::MAX_SEQUENCE), "6-0");
    }

    #[test]
    fn an_id_that_no_position_holds_is_an_error() {
        for id in ["5-1048576", "9000000000000-0", "5", "x-1", "", "-"] {
            assert!(decode_entry(entry(id, &[b"b1", b"x"]), &mut Vec::new()).is_err(), "{id}");
        }
        let two = encoded(&[ballot(); 2]);
        let last = Position::new(5, Position::MAX_SEQUENCE).unwrap().to_string();
        assert!(decode_entry(entry(&last, &[b"b2", &two]), &mut Vec::new()).is_err(), "the second has no position");
    }

    proptest! {
        #[test]
        fn all_ballots_are_read_as_they_were_written(
            cast in proptest::collection::vec((any::<[u8; 16]>(), 1_u32..1 << 26), 1..20),
            poll in "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?",
            (millis, sequence) in (0..=Position::MAX_MILLIS, 0..Position::MAX_SEQUENCE - 20),
        ) {
            let poll = PollId::parse(&poll).unwrap();
            let ballots: Vec<Ballot> = cast
                .into_iter()
                .map(|(voter, bits)| Ballot {
                    poll,
                    voter: VoterId::from_bytes(voter),
                    choices: Choices::from_bits(bits).unwrap(),
                })
                .collect();
            let read = decoded(&format!("{millis}-{sequence}"), &[b"b2", &encoded(&ballots)]);
            let written: Vec<Entry> = ballots
                .into_iter()
                .zip(sequence..)
                .map(|(ballot, sequence)| Entry {
                    position: Position::new(millis, sequence).unwrap(),
                    record: Ok(Record::Ballot(ballot)),
                })
                .collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn no_bytes_make_it_panic(
            name in prop_oneof![Just(b"b1".to_vec()), Just(b"b2".to_vec()), Just(b"p1".to_vec()), any::<Vec<u8>>()],
            value in any::<Vec<u8>>(),
            more in proptest::collection::vec(any::<Vec<u8>>(), 0..3),
        ) {
            let fields: Vec<&[u8]> = [&name, &value].into_iter().chain(&more).map(Vec::as_slice).collect();
            prop_assert!(!decoded("5-0", &fields).is_empty());
        }
    }
}
