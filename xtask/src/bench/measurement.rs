//! Running a measuring program and reading its lines.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{capture, cargo};

/// Builds a measuring program of the benches package, which `feature` is built on, and returns
/// where it is. Built once: no build runs beside a measurement, and no edit changes what is
/// measured half-way.
pub(super) fn build(name: &str, feature: &str) -> Result<PathBuf> {
    println!("building {name}");
    let mut command = cargo();
    command.args([
        "build",
        "--release",
        "--package",
        "axbridge-benches",
        "--bin",
        name,
    ]);
    command.args(["--no-default-features", "--features", feature]);
    run_build(&mut command, name)
}

/// Builds the program itself in release.
pub(super) fn build_server() -> Result<PathBuf> {
    println!("building axbridge");
    let mut command = cargo();
    command.args(["build", "--release", "--package", "axbridge", "--bin"]);
    run_build(command.arg("axbridge"), "axbridge")
}

fn run_build(command: &mut Command, name: &str) -> Result<PathBuf> {
    let printed = capture(command.args(["--message-format", "json", "--quiet"]))?;
    let messages = printed
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs =
        messages.filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from));
    programs
        .find(|path| path.file_stem().is_some_and(|stem| stem == name))
        .with_context(|| format!("cargo built {name} and did not say where"))
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
