//! Housekeeping.

use std::time::Duration;

use serde::Deserialize;

use super::within;

/// Section `sweep`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sweep {
    interval_s: u64,
}

impl Sweep {
    pub(super) fn check(&self) -> Result<(), String> {
        within("sweep.interval_s", self.interval_s, 1, 3600)
    }

    /// Time between two sweeps.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_s)
    }
}
