//! The chore `deliveries`: a thousand events a second to ten callbacks, with and without a dead
//! one among them, on both stores. The load is the long form of a test,
//! `tests/delivery/throughput.rs`, in release.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::measurement::{number, text};
use super::page::{self, table, thousands};
use crate::postgres;
use crate::process::{capture, cargo, run};

/// How long events happen in each of the four runs, in seconds.
const SECONDS: u32 = 40;
/// The same with `--quick`.
const SECONDS_QUICK: u32 = 10;

/// The chore.
pub(crate) fn deliveries(arguments: &[String]) -> Result<()> {
    let (seconds, flag) = match super::Extent::parse(arguments)? {
        super::Extent::Quick => (SECONDS_QUICK, " --quick"),
        super::Extent::Usual | super::Extent::Long => (SECONDS, ""),
    };
    let database = postgres::provide()?;
    // Built before, so that no build runs beside the measurement.
    run(test().arg("--no-run"))?;
    let printed = capture(
        test()
            .args(["--", "--ignored", "--nocapture"])
            .arg("a_thousand_events_a_second")
            .env("DELIVERY_SECONDS", seconds.to_string())
            .env("TEST_DATABASE_URL", &database.url),
    )?;
    let mut runs: Vec<Value> = Vec::new();
    for line in printed.lines() {
        // The test's name may stand in front.
        let json = line.find('{').and_then(|at| line.get(at..));
        if let Some(run) = json.and_then(|json| serde_json::from_str(json).ok()) {
            println!("   {line}");
            runs.push(run);
        }
    }
    ensure!(!runs.is_empty(), "the test printed no figures:\n{printed}");
    let part = delays_table(&runs);
    println!("\n{part}");
    let provenance = page::provenance(&format!("cargo xtask deliveries{flag}"))?;
    page::write("deliveries", &format!("{provenance}\n\n{part}"))
}

fn test() -> std::process::Command {
    let mut command = cargo();
    command.args(["test", "--release", "--quiet", "--package"]);
    command.args(["axbridge-tests", "--test", "delivery"]);
    command
}

fn delays_table(runs: &[Value]) -> String {
    let row = |run: &Value| {
        let mut cells = vec![
            text(run, "store").to_owned(),
            if run["dead"] == true { "one" } else { "none" }.to_owned(),
            thousands(number(run, "happened_a_second")),
            thousands(number(run, "arrived_a_second")),
        ];
        let quarters = run["quarters"].as_array().map_or(&[][..], Vec::as_slice);
        cells.extend(quarters.iter().map(|quarter| {
            let ms = |field: &str| thousands(number(quarter, field));
            format!("{} / {} / {}", ms("p50_ms"), ms("p99_ms"), ms("worst_ms"))
        }));
        cells
    };
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    let head = [
        "store",
        "dead receivers",
        "events/s that happened",
        "events/s that arrived",
        "first quarter, ms",
        "second",
        "third",
        "fourth",
    ];
    table(&head, &rows)
}

#[test]
fn a_run_becomes_a_row() {
    let quarter = serde_json::json!({"p50_ms": 90, "p99_ms": 1500, "worst_ms": 1700});
    let run = serde_json::json!({
        "store": "embedded", "dead": true, "happened_a_second": 999.6, "arrived_a_second": 899.5,
        "quarters": [quarter, quarter],
    });
    let table = delays_table(&[run]);
    let row = "| embedded | one | 1,000 | 900 | 90 / 1,500 / 1,700 | 90 / 1,500 / 1,700 |";
    assert_eq!(table.lines().last(), Some(row));
}
