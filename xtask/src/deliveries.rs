//! The chore `deliveries`: the long form of the callbacks' throughput test
//! (`tests/delivery/throughput.rs`), in release.

use anyhow::Result;

use crate::process::{cargo, run};

/// Runs it; the test prints its figures.
pub(crate) fn measure() -> Result<()> {
    run(cargo()
        .args(["test", "--release", "--package", "axbridge-tests"])
        .args(["--test", "delivery", "--", "--ignored", "--nocapture"])
        .arg("a_thousand_events_a_second"))
}
