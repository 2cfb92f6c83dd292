//! The reference pages that come out of the program's own tables.

use anyhow::Result;

use crate::process::{cargo, run};

/// Writes `docs/reference` and the OpenAPI document anew.
pub(crate) fn generate() -> Result<()> {
    let program = ["run", "--quiet", "--package", "axbridge", "--"];
    run(cargo()
        .args(program)
        .args(["generate-docs", "--dir", "docs/reference"]))
}
