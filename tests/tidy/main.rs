//! The test by which the code checks itself: the house rules that a compiler
//! does not know. Each finding names its file and line and says what to do.
//! It is not a style checker; formatting belongs to rustfmt, idiom to clippy.

mod crates;
mod findings;
mod functions;
mod numbers;
mod source;
mod text;

use findings::report;
use source::repository;

#[test]
fn files_are_short() {
    report(functions::long_files(&repository()));
}

#[test]
fn functions_are_short() {
    report(functions::long_functions(&repository()));
}

#[test]
fn nothing_is_left_unfinished() {
    report(text::unfinished_work(&repository()));
}

#[test]
fn every_file_says_what_it_is_for() {
    report(text::missing_heads(&repository()));
}

#[test]
fn every_library_states_its_invariant() {
    report(crates::libraries_without_invariant(&repository()));
}

#[test]
fn crates_depend_only_along_the_arrow() {
    report(crates::dependencies_against_the_arrow(&repository()));
}

#[test]
fn real_numbers_leave_their_type_only_where_listed() {
    report(numbers::unlisted_exposures(&repository()));
}

#[test]
fn the_list_of_exposures_holds_no_stale_entry() {
    report(numbers::stale_exposures(&repository()));
}

#[test]
fn no_machine_is_named() {
    report(text::named_machines(&repository()));
}
