//! Entries of the log as anybody with a hand in Redis could write them: an id, and fields, each behind its length.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some((&length, behind)) = rest.split_first() {
        let (part, behind) = behind.split_at(usize::from(length).min(behind.len()));
        parts.push(part);
        rest = behind;
    }
    if let Some((id, fields)) = parts.split_first() {
        log_redis::fuzzing::entry(id, fields);
    }
    // What few inputs come upon by themselves: a right id, and the whole rest as the value of a known field.
    log_redis::fuzzing::entry(b"1700000000000-3", &[b"b1", data]);
    log_redis::fuzzing::entry(b"1700000000000-3", &[b"b2", data]);
    log_redis::fuzzing::entry(b"1700000000000-3", &[b"p1", data]);
});
