//! Runs `check_rtp` on whatever the fuzzer makes up.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| axbridge_tests::fuzz_bodies::check_rtp(data));
