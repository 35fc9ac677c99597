//! How an entry of the log is written: the one encoder and the one decoder.
//!
//! An entry of the stream has one field. Its name says kind and version, its value all the rest:
//!
//! | field | value |
//! |---|---|
//! | `b1` | a ballot: the voter's 16 bytes, the choices as 4 bytes (big-endian bit set), the poll's id |
//! | `p1` | a poll as it is from here on, as JSON |
//!
//! One short field rather than several, because ballots come by the million: it halves what is sent, stored
//! and parsed. A change of meaning needs a new name (`b2`); fields after the first are passed over, so a
//! later release may add some. What can't be read becomes an [`Undecodable`], never an error or a panic.

use domain::{Ballot, Choices, Entry, Event, Poll, PollId, Position, Undecodable, VoterId};
use redis::Value;

/// The field of a ballot, version 1.
pub(crate) const BALLOT_FIELD: &str = "b1";
/// The field of a poll, version 1.
pub(crate) const POLL_FIELD: &str = "p1";
/// A ballot's value begins with this many bytes of the voter's pseudonym.
pub(crate) const VOTER_BYTES: usize = 16;

const CHOICES_BYTES: usize = 4;
/// How much of an unreadable entry is kept for a person to look at, in characters.
const MAX_SHOWN_CHARS: usize = 500;

/// Adds the value of a ballot's field to `value`.
pub(crate) fn encode_ballot(ballot: &Ballot, value: &mut Vec<u8>) {
    value.extend_from_slice(ballot.voter.as_bytes());
    value.extend_from_slice(&ballot.choices.bits().to_be_bytes());
    value.extend_from_slice(ballot.poll.as_str().as_bytes());
}

/// The value of a poll's field, and of the poll in the hash of polls.
pub(crate) fn encode_poll(poll: &Poll) -> String {
    serde_json::to_string(poll).expect("a poll is plain data with text keys")
}

/// Reads a poll, from either place.
pub(crate) fn decode_poll(json: &[u8]) -> Result<Poll, String> {
    serde_json::from_slice(json).map_err(|error| format!("not a poll: {error}"))
}

/// Reads a stream id, `milliseconds-sequence`. `None` if it is none, or one that no position can hold.
pub(crate) fn decode_position(id: &[u8]) -> Option<Position> {
    let (millis, sequence) = str::from_utf8(id).ok()?.split_once('-')?;
    Position::new(millis.parse().ok()?, sequence.parse().ok()?)
}

/// A last id for a stream that shall go on above `position`, with room for more in its millisecond.
///
/// Redis counts the sequence on where its clock is behind, and a position has room for 20 bits of it.
pub(crate) fn last_id_above(position: Position) -> String {
    let full = position.sequence() > Position::MAX_SEQUENCE / 2;
    let id = if full { position.following(position.millis() + 1) } else { position };
    // No stream takes 0-0, and nothing lies between.
    if id == Position::ZERO { "0-1".to_owned() } else { id.to_string() }
}

/// Reads one entry of a stream: its id, and names and values of its fields in turn.
///
/// An error means that the answer is not that of a stream, or that the entry has no position.
pub(crate) fn decode_entry(entry: Value) -> Result<Entry, String> {
    let Value::Array(parts) = entry else { return Err(format!("an entry that is no array: {entry:?}")) };
    let Ok([Value::BulkString(id), fields]) = <[Value; 2]>::try_from(parts) else {
        return Err("an entry without an id".to_owned());
    };
    let Some(position) = decode_position(&id) else {
        // Only a hand in Redis can write this. It can't be set aside, for it has no place to be set aside at.
        return Err(format!("the id {} can't be a position", String::from_utf8_lossy(&id)));
    };
    let event = decode_event(&fields).map_err(|reason| Undecodable { reason, entry: shown(&fields) });
    Ok(Entry { position, event })
}

fn decode_event(fields: &Value) -> Result<Event, String> {
    let Value::Array(fields) = fields else { return Err("no fields".to_owned()) };
    let [Value::BulkString(name), Value::BulkString(value), ..] = fields.as_slice() else {
        return Err("no fields".to_owned());
    };
    if name == BALLOT_FIELD.as_bytes() {
        decode_ballot(value).map(Event::Ballot)
    } else if name == POLL_FIELD.as_bytes() {
        decode_poll(value).map(|poll| Event::Poll(Box::new(poll)))
    } else {
        Err("unknown kind of entry".to_owned())
    }
}

fn decode_ballot(value: &[u8]) -> Result<Ballot, String> {
    let too_short = || "a ballot cut short".to_owned();
    let (voter, rest) = value.split_first_chunk::<VOTER_BYTES>().ok_or_else(too_short)?;
    let (choices, poll) = rest.split_first_chunk::<CHOICES_BYTES>().ok_or_else(too_short)?;
    let choices = Choices::from_bits(u32::from_be_bytes(*choices)).map_err(|error| format!("a ballot: {error}"))?;
    let poll = str::from_utf8(poll).map_err(|_| "a ballot for a poll whose id is no text".to_owned())?;
    let poll = PollId::parse(poll).map_err(|error| format!("a ballot: {error}"))?;
    Ok(Ballot { poll, voter: VoterId::from_bytes(*voter), choices })
}

/// The fields for a person to look at: printable ASCII, shortened.
fn shown(fields: &Value) -> String {
    let Value::Array(fields) = fields else { return String::new() };
    let mut shown = String::new();
    for (index, field) in fields.iter().enumerate() {
        let Value::BulkString(bytes) = field else { continue };
        if index > 0 {
            shown.push(' ');
        }
        // An escaped byte has at most four characters, so this much is always enough and never a lot more.
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
    use domain::PollSpec;
    use proptest::prelude::*;

    use super::*;

    fn encoded(ballot: &Ballot) -> Vec<u8> {
        let mut value = Vec::new();
        encode_ballot(ballot, &mut value);
        value
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
    #[test]
    fn a_ballot_is_written_as_it_always_was() {
        assert_eq!(encoded(&ballot()), b"0123456789abcdef\0\0\0\x05main");
        let read = decode_entry(entry("1700000000000-3", &[b"b1", b"0123456789abcdef\0\0\0\x05main"])).unwrap();
        let position = Position::new(1_700_000_000_000, 3).unwrap();
        assert_eq!(read, Entry { position, event: Ok(Event::Ballot(ballot())) });
    }

    #[test]
    fn a_poll_is_written_as_it_always_was() {
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
        let golden = r#"{"id":"main","state":"open","changes":true,"round":1,"question":"Cats or Dogs?","options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false}"#;
        assert_eq!(encode_poll(&poll), golden);
        let read = decode_entry(entry("5-0", &[b"p1", golden.as_bytes()])).unwrap();
        assert_eq!(read.event, Ok(Event::Poll(Box::new(poll))));
    }

    #[test]
    fn fields_that_a_later_release_adds_are_passed_over() {
        let read = decode_entry(entry("5-0", &[b"b1", &encoded(&ballot()), b"via", b"sms"])).unwrap();
        assert_eq!(read.event, Ok(Event::Ballot(ballot())));
    }

    #[test]
    fn what_cannot_be_read_says_why_and_is_kept_to_look_at() {
        let unreadable = |fields: &[&[u8]]| decode_entry(entry("5-0", fields)).unwrap().event.unwrap_err();
        assert_eq!(unreadable(&[]).reason, "no fields");
        assert_eq!(unreadable(&[b"b9", b"x"]).reason, "unknown kind of entry");
        assert_eq!(unreadable(&[b"b1", b"0123456789abcdef\0\0\0"]).reason, "a ballot cut short");
        assert!(unreadable(&[b"b1", b"0123456789abcdef\0\0\0\0main"]).reason.contains("no option"));
        assert!(unreadable(&[b"b1", b"0123456789abcdef\0\0\0\x01Main"]).reason.contains("poll id"));
        assert!(unreadable(&[b"p1", b"{}"]).reason.starts_with("not a poll"));
        assert_eq!(unreadable(&[b"b9", b"\xff\n\"x"]).entry, r#"b9 \xff\n\"x"#);
        assert_eq!(unreadable(&[b"b9", &[0; 10_000]]).entry.chars().count(), MAX_SHOWN_CHARS + 1);
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
            assert!(decode_entry(entry(id, &[b"b1", b"x"])).is_err(), "{id}");
        }
    }

    proptest! {
        #[test]
        fn every_ballot_is_read_as_it_was_written(
            voter in any::<[u8; 16]>(),
            bits in 1_u32..1 << 26,
            poll in "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?",
            position in 0_i64..,
        ) {
            let ballot = Ballot {
                poll: PollId::parse(&poll).unwrap(),
                voter: VoterId::from_bytes(voter),
                choices: Choices::from_bits(bits).unwrap(),
            };
            let position = Position::from_i64(position).unwrap();
            let read = decode_entry(entry(&position.to_string(), &[b"b1", &encoded(&ballot)])).unwrap();
            prop_assert_eq!(read, Entry { position, event: Ok(Event::Ballot(ballot)) });
        }

        #[test]
        fn no_bytes_make_it_panic(
            name in prop_oneof![Just(b"b1".to_vec()), Just(b"p1".to_vec()), any::<Vec<u8>>()],
            value in any::<Vec<u8>>(),
            more in proptest::collection::vec(any::<Vec<u8>>(), 0..3),
        ) {
            let fields: Vec<&[u8]> = [&name, &value].into_iter().chain(&more).map(Vec::as_slice).collect();
            prop_assert!(decode_entry(entry("5-0", &fields)).is_ok());
        }
    }
}
