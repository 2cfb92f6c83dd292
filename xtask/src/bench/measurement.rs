//! Running a measuring program and reading its lines.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{capture, cargo, run};

/// Builds the measuring programs, so that no build runs beside a measurement.
pub(super) fn build() -> Result<()> {
    run(cargo().args([
        "build",
        "--release",
        "--package",
        "axbridge-benches",
        "--bins",
    ]))
}

/// A measuring program of the benches package.
pub(super) fn program(name: &str) -> Command {
    let mut command = cargo();
    command.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "axbridge-benches",
    ]);
    command.args(["--bin", name, "--"]);
    command
}

/// Runs it to the end; each line it prints is one JSON object.
pub(super) fn lines(command: &mut Command) -> Result<Vec<Value>> {
    let printed = capture(command)?;
    let mut lines = Vec::new();
    for line in printed.lines() {
        println!("   {line}");
        let value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        lines.push(value);
    }
    Ok(lines)
}

/// A number of a line; zero where there is none.
pub(super) fn number(line: &Value, field: &str) -> f64 {
    line.get(field).and_then(Value::as_f64).unwrap_or_default()
}

/// A text of a line; empty where there is none.
pub(super) fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The middle value; zero when there are none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
