//! The chores that judge: what they run, and in which order. What they need is
//! brought in first, so that a missing tool shows before the long work.

use anyhow::Result;

use crate::check;
use crate::ha;
use crate::install;
use crate::postgres::{self, Database};
use crate::process::{cargo, run, which};
use crate::report::Report;
use crate::sdk;

/// The chore `test`.
pub(crate) fn everything() -> Result<()> {
    with_summary(|report| {
        let clients = report.step("Vendor's clients", sdk::Clients::provide)?;
        let database = report.step("PostgreSQL", postgres::provide)?;
        report.step("Kamailio", kamailio)?;
        report.step("sipp and baresip", sip_phones)?;
        check::all(report)?;
        report.suite("Tests, both stores", || rust_tests(&database))?;
        sdk::run(report, &clients, &database)?;
        ha::short(report)
    })
}

/// The chore `check`.
pub(crate) fn checks_only() -> Result<()> {
    with_summary(check::all)
}

/// The chore `sdk`.
pub(crate) fn sdk_only() -> Result<()> {
    with_summary(|report| {
        let clients = report.step("Vendor's clients", sdk::Clients::provide)?;
        let database = report.step("PostgreSQL", postgres::provide)?;
        sdk::run(report, &clients, &database)
    })
}

/// The front of the voice nodes, which its test starts by itself.
fn kamailio() -> Result<()> {
    match which("kamailio") {
        Some(_) => Ok(()),
        None => install::debian(&["kamailio"], "Kamailio, for the front of the voice nodes"),
    }
}

/// Phones that are not ours, which the tests of calls start by themselves. A system that does not
/// offer them goes without, and the tests say so.
fn sip_phones() -> Result<()> {
    let wanted = [("sipp", "sip-tester"), ("baresip", "baresip-core")];
    for (_, package) in wanted
        .iter()
        .filter(|(program, _)| which(program).is_none())
    {
        let reason = "a phone that is not ours, for the tests of calls";
        if let Err(error) = install::debian(&[package], reason) {
            println!("going without {package}: {error:#}");
        }
    }
    Ok(())
}

fn rust_tests(database: &Database) -> Result<()> {
    run(cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .env("TEST_DATABASE_URL", &database.url))
}

fn with_summary(work: impl FnOnce(&mut Report) -> Result<()>) -> Result<()> {
    let mut report = Report::default();
    let outcome = work(&mut report);
    report.summary();
    outcome
}
