//! The internals that the fuzzer (`fuzz/`) needs; compiled only for it.

use domain::Record;
use redis::Value;

use crate::wire;

/// Decodes a stream entry with these fields at this id. Panics if encoding and decoding its content again gives another
/// result.
pub fn entry(id: &[u8], fields: &[&[u8]]) {
    let fields = fields.iter().map(|field| Value::BulkString(field.to_vec())).collect();
    let stored = Value::Array(vec![Value::BulkString(id.to_vec()), Value::Array(fields)]);
    let mut entries = Vec::new();
    if wire::decode_entry(stored, &mut entries).is_err() {
        return;
    }
    assert!(!entries.is_empty(), "whatever has a place is counted or set aside");
    assert!(entries.is_sorted_by(|earlier, later| earlier.position < later.position), "each has a place of its own");
    for entry in entries {
        let (name, value) = match &entry.record {
            Ok(Record::Ballot(ballot)) => {
                let mut value = wire::begin_ballots(ballot.poll);
                wire::push_ballot(ballot, &mut value);
                (wire::BALLOTS_FIELD, value)
            }
            Ok(Record::Poll(poll)) => (wire::POLL_FIELD, wire::encode_poll(poll).into_bytes()),
            Ok(Record::Event(event)) => (wire::EVENT_FIELD, wire::encode_event(event).into_bytes()),
            Err(undecodable) => {
                assert!(undecodable.entry.chars().count() <= 501, "what is set aside is bounded");
                continue;
            }
        };
        let fields = Value::Array(vec![Value::BulkString(name.into()), Value::BulkString(value)]);
        let stored = Value::Array(vec![Value::BulkString(entry.position.to_string().into()), fields]);
        let mut again = Vec::new();
        assert_eq!(wire::decode_entry(stored, &mut again), Ok(()));
        assert_eq!(again, [entry]);
    }
}
