//! What is known about phone numbers.

use std::path::PathBuf;

use serde::Deserialize;

/// Section `numbering`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Numbering {
    overlay: PathBuf,
    /// Service numbers that may be a party.
    #[serde(deserialize_with = "super::layers::list")]
    pub(crate) service_numbers: Vec<String>,
}

impl Numbering {
    /// The CSV over the built-in table, if there is one.
    pub(crate) fn overlay(&self) -> Option<&std::path::Path> {
        (!self.overlay.as_os_str().is_empty()).then_some(self.overlay.as_path())
    }
}
