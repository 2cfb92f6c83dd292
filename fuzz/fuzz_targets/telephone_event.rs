//! Runs `check_telephone_event` on whatever the fuzzer makes up.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| axbridge_tests::fuzz_bodies::check_telephone_event(data));
