//! The chore `bench-heart`: time and memory of what runs in memory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Extent;
use super::measurement::{build, lines, number, text};
use super::page::{self, table, thousands};
use crate::process::{cargo, root, run};

/// Each size is measured this often in processes of its own; the quickest counts, because
/// whatever else runs on the machine only ever adds.
const ROUNDS: usize = 3;

/// The hot functions, as the benchmarks name them, and as the page does.
const FUNCTIONS: [(&str, &str); 6] = [
    (
        "gateway_parse_and_verify_signature",
        "read and verify a signature",
    ),
    (
        "gateway_decode_parameters",
        "decode the parameters of a bind",
    ),
    (
        "numbers/parse_and_city_of",
        "read a number and find its city",
    ),
    ("store_party_key", "blind index of a number"),
    ("store_seal", "seal A and B"),
    ("store_open", "open A and B"),
];

/// The chore.
pub(crate) fn heart(arguments: &[String]) -> Result<()> {
    let extent = Extent::parse(arguments)?;
    let heart = build("bench-heart", "heart")?;
    let pools = build("bench-pools", "heart")?;
    let mut sizes = vec![100_000, 1_000_000];
    if extent == Extent::Long {
        sizes.push(10_000_000);
    }
    let mut all = Vec::new();
    for live in sizes {
        for _ in 0..ROUNDS {
            all.extend(lines(Command::new(&heart).arg(live.to_string()))?);
        }
    }
    let pools = lines(&mut Command::new(&pools))?;
    let command = format!("cargo xtask bench-heart{}", extent.flag());
    let provenance = page::provenance(&command)?;
    let parts = [
        ("heart", heart_table(&all)),
        ("pools", pools_tables(&pools)),
    ];
    for (name, part) in parts {
        println!("\n{part}");
        page::write(name, &format!("{provenance}\n\n{part}"))?;
    }
    if extent == Extent::Quick {
        return Ok(());
    }
    for bench in ["heart", "gateway"] {
        run(cargo().args(["bench", "--package", "axbridge-benches", "--bench", bench]))?;
    }
    let functions = function_table()?;
    println!("\n{functions}");
    let provenance = page::provenance(&command)?;
    page::write("functions", &format!("{provenance}\n\n{functions}"))
}

fn heart_table(all: &[Value]) -> String {
    let mut sizes: Vec<u64> = all.iter().map(|line| number(line, "live") as u64).collect();
    sizes.dedup();
    let rows: Vec<Vec<String>> = sizes
        .into_iter()
        .map(|live| {
            let of_size = all
                .iter()
                .filter(|line| number(line, "live") as u64 == live);
            let least = |field: &str| {
                let values = of_size.clone().map(|line| number(line, field));
                values.fold(f64::INFINITY, f64::min)
            };
            let resident = of_size
                .clone()
                .next_back()
                .map_or_else(String::new, resident);
            vec![
                thousands(live as f64),
                thousands(least("choose_claim_ns")),
                thousands(least("apply_ns")),
                thousands(least("expire_ns")),
                thousands(least("resolve_ns")),
                thousands(least("rebuild_ns")),
                format!("{:.0}", least("bytes_per_binding")),
                resident,
            ]
        })
        .collect();
    let head = [
        "live bindings",
        "choose and claim, ns",
        "make visible, ns",
        "expire and forget, ns",
        "resolve a call, ns",
        "rebuild, ns a binding",
        "bytes a binding",
        "resident MiB at each quarter of the churn",
    ];
    table(&head, &rows)
}

fn resident(line: &Value) -> String {
    let values = line.get("resident_mib").and_then(Value::as_array);
    let values = values.into_iter().flatten().filter_map(Value::as_u64);
    let texts: Vec<String> = values.map(|mib| mib.to_string()).collect();
    texts.join(", ")
}

/// The medians that criterion left in its folder.
fn function_table() -> Result<String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let criterion = target
        .unwrap_or_else(|| root().join("target"))
        .join("criterion");
    let mut rows = Vec::new();
    for (place, name) in FUNCTIONS {
        let path = criterion.join(place).join("new/estimates.json");
        let read = fs::read_to_string(&path);
        let read = read.with_context(|| format!("could not read {}", path.display()))?;
        let estimates: Value = serde_json::from_str(&read)?;
        let median = estimates
            .get("median")
            .map(|median| number(median, "point_estimate"));
        rows.push(vec![name.to_owned(), thousands(median.unwrap_or_default())]);
    }
    Ok(table(&["function", "ns"], &rows))
}

fn pools_tables(lines: &[Value]) -> String {
    let of = |subject: &'static str| {
        lines
            .iter()
            .filter(move |line| text(line, "subject") == subject)
    };
    let needs: Vec<Vec<String>> = of("need")
        .map(|line| {
            let shares = line.get("refused_at").and_then(Value::as_array);
            let share = |index: usize| {
                let share = shares.and_then(|shares| shares.get(index)?.as_f64());
                format!("{:.3} %", share.unwrap_or_default() * 100.0)
            };
            vec![
                text(line, "load").to_owned(),
                format!("`{}`", text(line, "policy")),
                thousands(number(line, "bound")),
                format!("{:.3}", number(line, "ratio")),
                share(0),
                share(1),
                share(2),
            ]
        })
        .collect();
    let redials: Vec<Vec<String>> = of("redial")
        .map(|line| {
            vec![
                text(line, "partners").to_owned(),
                thousands(number(line, "numbers")),
                format!("{} h", number(line, "quarantine_h")),
                thousands(number(line, "redials")),
                thousands(number(line, "strangers")),
                format!("{:.2} %", number(line, "share") * 100.0),
            ]
        })
        .collect();
    let need_head = [
        "load",
        "policy",
        "bound",
        "needed ÷ bound",
        "refused at 1.0",
        "at 1.1",
        "at 1.2",
    ];
    let redial_head = [
        "partners",
        "numbers",
        "quarantine",
        "late redials",
        "reached a stranger",
        "share",
    ];
    format!(
        "{}\n{}",
        table(&need_head, &needs),
        table(&redial_head, &redials)
    )
}
