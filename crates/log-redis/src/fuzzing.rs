//! What the fuzzer (`fuzz/`) needs of the inside; only there when it builds.

use domain::Event;
use redis::Value;

use crate::wire;

/// Decodes an entry of the stream with these fields at this id. Panics where what was read does not mean the same again.
pub fn entry(id: &[u8], fields: &[&[u8]]) {
    let fields = fields.iter().map(|field| Value::BulkString(field.to_vec())).collect();
    let entry = Value::Array(vec![Value::BulkString(id.to_vec()), Value::Array(fields)]);
    let Ok(entry) = wire::decode_entry(entry) else { return };
    let (name, value) = match &entry.event {
        Ok(Event::Ballot(ballot)) => {
            let mut value = Vec::new();
            wire::encode_ballot(ballot, &mut value);
            (wire::BALLOT_FIELD, value)
        }
        Ok(Event::Poll(poll)) => (wire::POLL_FIELD, wire::encode_poll(poll).into_bytes()),
        Err(undecodable) => {
            assert!(undecodable.entry.chars().count() <= 501, "what is set aside is bounded");
            return;
        }
    };
    let fields = Value::Array(vec![Value::BulkString(name.into()), Value::BulkString(value)]);
    let again = Value::Array(vec![Value::BulkString(entry.position.to_string().into()), fields]);
    assert_eq!(wire::decode_entry(again), Ok(entry));
}
