//! The promises of `fuzz_bodies` on stable Rust, a moment for each: the seeds of
//! `fuzz/corpus` as they are, seeds taken apart and put together anew, and plain
//! noise. For hours instead of a moment there is `cargo xtask fuzz`.

mod corpus;

use axbridge_tests::fuzz_bodies::{TARGETS, Target};
use corpus::{Change, seeds, words};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Inputs for each target and test.
const CASES: u32 = 200;

/// The most changes that one seed goes through.
const CHANGES_MAX: usize = 6;

const NOISE_BYTES_MAX: usize = 300;

fn target(name: &str) -> Target {
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.expect("the target is listed in TARGETS")
}

/// No file of failures: what failed is printed, and becomes a seed by hand.
fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    })
}

fn holds_for_seeds_changed_and_noise(name: &str) {
    let target = target(name);
    let seeds = seeds(name);
    for seed in &seeds {
        (target.check)(seed);
    }
    let words = words();
    let changed = (
        any::<prop::sample::Index>(),
        vec(any::<Change>(), 1..=CHANGES_MAX),
    );
    let outcome = runner().run(&changed, |(start, changes)| {
        let mut input = start.get(&seeds).clone();
        for change in &changes {
            change.apply(&mut input, &seeds, &words);
        }
        passes(target, &input)
    });
    outcome.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    let noise = vec(any::<u8>(), 0..NOISE_BYTES_MAX);
    let outcome = runner().run(&noise, |input| passes(target, &input));
    outcome.unwrap_or_else(|failure| panic!("{name}: {failure}"));
}

/// Runs one check; a panic becomes a failure that shows the input as text.
fn passes(target: Target, input: &[u8]) -> Result<(), TestCaseError> {
    let check = std::panic::AssertUnwindSafe(|| (target.check)(input));
    std::panic::catch_unwind(check).map_err(|_| {
        let shown = input.escape_ascii();
        TestCaseError::fail(format!("a promise is broken by the input b\"{shown}\""))
    })
}

#[test]
fn no_signature_is_accepted_without_its_secret_and_ours_always_is() {
    holds_for_seeds_changed_and_noise("signature");
}

#[test]
fn every_way_to_canonicalise_a_query_is_accepted_and_no_other() {
    holds_for_seeds_changed_and_noise("canonical_query");
}

#[test]
fn json_bodies_mean_what_a_strict_parser_reads() {
    holds_for_seeds_changed_and_noise("json_body");
}

#[test]
fn forms_mean_what_a_form_parser_reads() {
    holds_for_seeds_changed_and_noise("form_body");
}

#[test]
fn phone_numbers_and_cities_come_back_as_written_and_are_shown_masked() {
    holds_for_seeds_changed_and_noise("phone_and_city");
}

#[test]
fn ids_have_one_text_and_selectors_one_form() {
    holds_for_seeds_changed_and_noise("ids");
}

#[test]
fn every_line_of_an_import_stands_on_its_own() {
    holds_for_seeds_changed_and_noise("import_csv");
}

#[test]
fn an_operators_list_of_prefixes_says_one_thing_in_any_order() {
    holds_for_seeds_changed_and_noise("overlay_csv");
}

#[test]
fn a_message_of_a_trunk_means_to_the_stack_what_the_guard_read() {
    holds_for_seeds_changed_and_noise("sip_message");
}

#[test]
fn every_description_is_answered_stream_by_stream_with_our_address_alone() {
    holds_for_seeds_changed_and_noise("sdp");
}

#[test]
fn rtp_packets_are_what_their_bytes_say() {
    holds_for_seeds_changed_and_noise("rtp");
}

#[test]
fn reports_keep_their_lengths_and_are_answered_with_reports() {
    holds_for_seeds_changed_and_noise("rtcp");
}

#[test]
fn each_event_is_one_digit() {
    holds_for_seeds_changed_and_noise("telephone_event");
}

#[test]
fn a_file_of_sound_gives_no_more_than_it_holds() {
    holds_for_seeds_changed_and_noise("sound_file");
}

#[test]
fn every_target_has_a_program_and_seeds() {
    for target in TARGETS {
        let program = corpus::fuzz_folder().join(format!("fuzz_targets/{}.rs", target.name));
        let text = std::fs::read_to_string(program).expect("each target has a program");
        assert!(text.contains(&format!("check_{}(", target.name)));
        assert!(!seeds(target.name).is_empty());
    }
}
