//! The chore `bench-media`: what relaying and recording cost.

use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use super::Extent;
use super::measurement::{build, lines, number, text};
use super::page::{self, table, thousands};

/// Calls at once.
const CALLS: u32 = 400;

/// What is done with them.
const MODES: [&str; 3] = ["relay", "transcode", "record"];

/// The chore.
pub(crate) fn media(arguments: &[String]) -> Result<()> {
    let extent = Extent::parse(arguments)?;
    let seconds = match extent {
        Extent::Quick => 10,
        Extent::Usual => 30,
        Extent::Long => 300,
    };
    let program = build("bench-media", "media")?;
    let mut all = Vec::new();
    for mode in MODES {
        let (calls, seconds) = (CALLS.to_string(), seconds.to_string());
        let mut command = Command::new(&program);
        all.extend(lines(command.args([&calls, &seconds, mode, "1"]))?);
    }
    let part = media_table(&all);
    println!("\n{part}");
    let command = format!("cargo xtask bench-media{}", extent.flag());
    let provenance = page::provenance(&command)?;
    page::write("media", &format!("{provenance}\n\n{part}"))
}

fn media_table(all: &[Value]) -> String {
    let row = |line: &Value| {
        let share = |field: &str| format!("{:.1} %", number(line, field) * 100.0);
        let ms = |field: &str| format!("{:.1}", number(line, field));
        vec![
            text(line, "mode").to_owned(),
            thousands(number(line, "calls")),
            thousands(number(line, "sent")),
            thousands(number(line, "lost")),
            ms("latency_mean_ms"),
            ms("latency_p99_ms"),
            share("relaying_share"),
            share("writing_share"),
            thousands(number(line, "calls_per_core")),
            thousands(number(line, "kib_per_call")),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let head = [
        "mode",
        "calls",
        "packets sent",
        "lost",
        "mean latency, ms",
        "99 %, ms",
        "relaying, of a core",
        "writing, of a core",
        "calls a core",
        "KiB a call",
    ];
    table(&head, &rows)
}
