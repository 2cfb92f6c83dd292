//! What must hold for every text that reaches us from outside, one function a
//! reader: each takes bytes that anybody may have made up, and panics when a
//! promise is broken. The fuzzer and the property tests run the same functions,
//! on inputs that a person can read in `fuzz/corpus`.
//!
//! Where a rule can be written down a second time in a few lines, the second
//! form stands here and both must agree; it is never taken from the product.

mod canonical_query;
mod form_body;
mod http_request;
mod ids;
mod import_csv;
mod json_body;
mod other_client;
mod overlay_csv;
mod params;
mod phone_and_city;
mod rtp;
mod sdp;
mod signature;
mod sip_message;
mod sound_file;
mod telephone_event;

pub use canonical_query::check_canonical_query;
pub use form_body::check_form_body;
pub use ids::check_ids;
pub use import_csv::check_import_csv;
pub use json_body::check_json_body;
pub use overlay_csv::check_overlay_csv;
pub use phone_and_city::check_phone_and_city;
pub use rtp::{check_rtcp, check_rtp};
pub use sdp::check_sdp;
pub use signature::check_signature;
pub use sip_message::check_sip_message;
pub use sound_file::check_sound_file;
pub use telephone_event::check_telephone_event;

/// One reader under test: its name, which is also the name of its folder in
/// `fuzz/corpus` and of its program in `fuzz/fuzz_targets`, and its check.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// The check; it panics when a promise is broken.
    pub check: fn(&[u8]),
}

/// Every reader under test.
pub const TARGETS: [Target; 14] = [
    Target {
        name: "signature",
        check: check_signature,
    },
    Target {
        name: "canonical_query",
        check: check_canonical_query,
    },
    Target {
        name: "json_body",
        check: check_json_body,
    },
    Target {
        name: "form_body",
        check: check_form_body,
    },
    Target {
        name: "phone_and_city",
        check: check_phone_and_city,
    },
    Target {
        name: "ids",
        check: check_ids,
    },
    Target {
        name: "import_csv",
        check: check_import_csv,
    },
    Target {
        name: "overlay_csv",
        check: check_overlay_csv,
    },
    Target {
        name: "sip_message",
        check: check_sip_message,
    },
    Target {
        name: "sdp",
        check: check_sdp,
    },
    Target {
        name: "rtp",
        check: check_rtp,
    },
    Target {
        name: "rtcp",
        check: check_rtcp,
    },
    Target {
        name: "telephone_event",
        check: check_telephone_event,
    },
    Target {
        name: "sound_file",
        check: check_sound_file,
    },
];

/// The lines that a check looks at; more would only be slow.
const LINES_MAX: usize = 64;

/// Runs of digits at least this long may tell who somebody is.
const TELLING_DIGITS: usize = 8;

/// The examples that texts for people may hold; they are nobody's numbers.
const EXAMPLES: [&str; 2] = ["13700000000", "02131075869"];

/// The runs of digits in `text` that are long enough to be a number.
fn telling_runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_ascii_digit())
        .filter(|run| run.len() >= TELLING_DIGITS)
}

/// Panics when a text for people is empty or holds a number that is no example.
fn assert_tells_no_number(text: &str) {
    assert!(!text.is_empty());
    for run in telling_runs(text) {
        assert!(EXAMPLES.contains(&run), "a number in the text {text:?}");
    }
}
