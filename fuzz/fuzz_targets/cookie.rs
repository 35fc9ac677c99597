//! Cookies: as anybody can send them, and with a right signature around whatever stands in them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    vote::fuzzing::cookie_header(data);
    if let Some((token, ballots)) = data.split_first_chunk::<16>() {
        vote::fuzzing::signed_cookie(*token, ballots);
    }
});
