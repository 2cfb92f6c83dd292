//! What can be judged without running the product: formatting, lints,
//! documentation, licences.

use anyhow::Result;

use crate::process::{cargo, run, which};
use crate::report::Report;

pub(crate) fn all(report: &mut Report) -> Result<()> {
    report.suite("Formatting", || {
        run(cargo().args(["fmt", "--all", "--check"]))
    })?;
    report.suite("Clippy, warnings denied", clippy)?;
    report.suite("Rustdoc, warnings denied", rustdoc)?;
    if which("cargo-deny").is_some() {
        report.suite("Licences, bans and sources", deny)
    } else {
        println!(
            "\n== Licences, bans and sources\nskipped: cargo-deny is not installed (cargo install cargo-deny --locked)"
        );
        Ok(())
    }
}

fn clippy() -> Result<()> {
    let lints = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    run(cargo().args(lints))
}

/// Private items too: a broken link misleads whoever reads the source.
fn rustdoc() -> Result<()> {
    let pages = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    run(cargo().args(pages).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Without the advisories, whose database comes from the network.
fn deny() -> Result<()> {
    run(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
}
