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
/// whatever else runs on the machine only ever adds. The largest takes a minute each time.
const ROUNDS: usize = 3;
const LARGEST: u64 = 10_000_000;
/// Binds at the largest size, unless it is to be churned through once.
const LARGEST_BINDS: u64 = 2_000_000;

/// Numbers of the pool whose refusals are timed.
const EXHAUSTED: u64 = 1_000_000;

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
    if extent != Extent::Quick {
        sizes.push(LARGEST);
    }
    let mut all = Vec::new();
    for live in sizes {
        let short = live == LARGEST && extent != Extent::Long;
        for _ in 0..if short { 1 } else { ROUNDS } {
            let mut command = Command::new(&heart);
            command.arg(live.to_string());
            if short {
                command.arg(LARGEST_BINDS.to_string());
            }
            all.extend(lines(&mut command)?);
        }
    }
    let refusals = lines(Command::new(&heart).args(["refusals", &EXHAUSTED.to_string()]))?;
    let pools = lines(&mut Command::new(&pools))?;
    let command = format!("cargo xtask bench-heart{}", extent.flag());
    let provenance = page::provenance(&command)?;
    let heart_part = format!(
        "{}\n{}",
        heart_table(&all),
        target_table(&heart_targets(&all))
    );
    let pools_part = format!(
        "{}\n{}",
        pools_tables(&pools),
        target_table(&pools_targets(&pools))
    );
    let parts = [
        ("heart", heart_part),
        ("refusals", refusals_table(&refusals)),
        ("pools", pools_part),
    ];
    for (name, part) in parts {
        println!("\n{part}");
        page::write(name, &format!("{provenance}\n\n{part}"))?;
    }
    if extent == Extent::Quick {
        return Ok(());
    }
    for bench in ["heart", "gateway"] {
        let mut command = cargo();
        command.args(["bench", "--package", "axbridge-benches", "--bench", bench]);
        run(command.args(["--", "--warm-up-time", "1", "--measurement-time", "2"]))?;
    }
    let functions = function_table()?;
    println!("\n{functions}");
    let provenance = page::provenance(&command)?;
    page::write("functions", &format!("{provenance}\n\n{functions}"))
}

fn of_size(all: &[Value], live: u64) -> impl DoubleEndedIterator<Item = &Value> + Clone {
    all.iter()
        .filter(move |line| number(line, "live") as u64 == live)
}

/// The least of the rounds of a size; infinite when it was not measured.
fn least(all: &[Value], live: u64, field: &str) -> f64 {
    let values = of_size(all, live).map(|line| number(line, field));
    values.fold(f64::INFINITY, f64::min)
}

fn heart_table(all: &[Value]) -> String {
    let mut sizes: Vec<u64> = all.iter().map(|line| number(line, "live") as u64).collect();
    sizes.dedup();
    let rows: Vec<Vec<String>> = sizes
        .into_iter()
        .map(|live| {
            let least = |field: &str| least(all, live, field);
            let resident = of_size(all, live)
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

/// What is asked of the heart: a name, at how many live bindings, the field, the most it may be.
const HEART_TARGETS: [(&str, u64, &str, f64); 7] = [
    (
        "choose and claim, ns",
        1_000_000,
        "choose_claim_ns",
        1_000.0,
    ),
    ("choose and claim, ns", LARGEST, "choose_claim_ns", 2_000.0),
    ("resolve a call, ns", LARGEST, "resolve_ns", 500.0),
    (
        "bytes a live binding",
        1_000_000,
        "bytes_per_binding",
        128.0,
    ),
    ("bytes a live binding", LARGEST, "bytes_per_binding", 128.0),
    (
        "rebuild at a start, ns a binding",
        1_000_000,
        "rebuild_ns",
        1_500.0,
    ),
    (
        "rebuild at a start, ns a binding",
        LARGEST,
        "rebuild_ns",
        1_500.0,
    ),
];

fn heart_targets(all: &[Value]) -> Vec<Vec<String>> {
    HEART_TARGETS
        .into_iter()
        .map(|(name, live, field, most)| (name, live, least(all, live, field), most))
        .filter(|(_, _, found, _)| found.is_finite())
        .map(|(name, live, found, most)| {
            let name = format!("{name}, at {}", thousands(live as f64));
            target(name, thousands(most), thousands(found), found <= most)
        })
        .collect()
}

/// What is asked of the pools: at most so many numbers for each of the bound, hardly a refusal
/// with a fifth more, and no stranger by a late redial.
fn pools_targets(lines: &[Value]) -> Vec<Vec<String>> {
    const NEEDS: [(&str, &str, f64); 2] =
        [("marketplace", "protect", 1.02), ("dense", "pack", 1.3)];
    const REFUSED_MAX: f64 = 0.000_1;
    const STRANGERS: [(f64, f64); 2] = [(24.0, 0.0), (0.0, 0.01)];
    let need = |load: &str, policy: &str| {
        lines.iter().find(|line| {
            text(line, "subject") == "need"
                && text(line, "load") == load
                && text(line, "policy") == policy
        })
    };
    let mut rows = Vec::new();
    for (load, policy, most) in NEEDS {
        let Some(line) = need(load, policy) else {
            continue;
        };
        let found = number(line, "ratio");
        rows.push(target(
            format!("numbers needed ÷ bound, {load} with `{policy}`"),
            format!("{most}"),
            format!("{found:.3}"),
            found <= most,
        ));
        let shares = line.get("refused_at").and_then(Value::as_array);
        let share = shares.and_then(|shares| shares.get(2)?.as_f64());
        let share = share.unwrap_or(1.0);
        rows.push(target(
            format!("refused at 1.2 × bound, {load} with `{policy}`"),
            format!("{} %", REFUSED_MAX * 100.0),
            format!("{:.3} %", share * 100.0),
            share <= REFUSED_MAX,
        ));
    }
    for (quarantine_h, most) in STRANGERS {
        let of_it = lines.iter().filter(|line| {
            text(line, "subject") == "redial" && number(line, "quarantine_h") == quarantine_h
        });
        rows.extend(of_it.map(|line| {
            let share = number(line, "share");
            target(
                format!(
                    "late redials that reach a stranger, partners {}, {} numbers, {quarantine_h} h",
                    text(line, "partners"),
                    number(line, "numbers")
                ),
                format!("{} %", most * 100.0),
                format!("{:.2} %", share * 100.0),
                share <= most,
            )
        }));
    }
    rows
}

fn target(name: String, most: String, found: String, reached: bool) -> Vec<String> {
    let verdict = if reached { "met" } else { "missed" };
    vec![name, format!("≤ {most}"), found, verdict.to_owned()]
}

fn target_table(rows: &[Vec<String>]) -> String {
    table(&["what", "target", "reached", ""], rows)
}

fn refusals_table(lines: &[Value]) -> String {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            vec![
                thousands(number(line, "numbers")),
                format!("{:.1}", number(line, "first_ms")),
                format!("{:.2}", number(line, "next_us")),
                format!("{:.2}", number(line, "touched_us")),
            ]
        })
        .collect();
    let head = [
        "numbers, all at their cap",
        "the first refusal, ms",
        "the next ones, µs each",
        "when something happened to a number before each, µs",
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
