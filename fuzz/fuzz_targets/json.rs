//! Bodies of the API.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| vote::fuzzing::json(data));
