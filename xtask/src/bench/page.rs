//! The page of figures: prose by hand, tables between markers by these chores.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{capture, root};

const PAGE: &str = "docs/performance.md";

/// Replaces the part between `<!-- NAME -->` and `<!-- /NAME -->`.
pub(super) fn write(name: &str, part: &str) -> Result<()> {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("could not read {PAGE}"))?;
    let page = replaced(&page, name, part).with_context(|| {
        format!("{PAGE} has no part between <!-- {name} --> and <!-- /{name} -->")
    })?;
    fs::write(&path, page).with_context(|| format!("could not write {PAGE}"))?;
    println!("\nwritten to {PAGE}");
    Ok(())
}

fn replaced(page: &str, name: &str, part: &str) -> Option<String> {
    let opening = format!("<!-- {name} -->");
    let start = page.find(&opening)? + opening.len();
    let end = start + page.get(start..)?.find(&format!("<!-- /{name} -->"))?;
    Some(format!("{}\n{part}\n{}", &page[..start], &page[end..]))
}

/// When, on what and by which command a part was measured.
pub(super) fn provenance(command: &str) -> Result<String> {
    let date = capture(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))?;
    let kernel = capture(Command::new("uname").args(["-sr"]))?;
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut models = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, model)| model.trim());
    let model = models.next().unwrap_or("unknown processor").to_owned();
    let count = 1 + models.count();
    Ok(format!(
        "`{command}` on {}, {count} × {model}, {}, {}; load average {} at the end.",
        date.trim(),
        memory(),
        kernel.trim(),
        load_average()
    ))
}

/// What else ran in the last minute: above the number of processors, figures are too low.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

fn memory() -> String {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or("unknown memory".to_owned(), |kib| {
        format!("{} GiB of memory", (kib + (1 << 19)) >> 20)
    })
}

/// A Markdown table.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// A whole number with its thousands apart.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn a_part_is_replaced_and_the_rest_stays() {
    let page = "above\n<!-- a -->\nold\n<!-- /a -->\nbelow";
    let new = replaced(page, "a", "new").expect("the part is there");
    assert_eq!(new, "above\n<!-- a -->\nnew\n<!-- /a -->\nbelow");
    assert_eq!(replaced(&new, "a", "new").as_deref(), Some(new.as_str()));
    assert_eq!(replaced(page, "b", "new"), None);
}

#[test]
fn thousands_stand_apart() {
    assert_eq!(thousands(7.0), "7");
    assert_eq!(thousands(123.0), "123");
    assert_eq!(thousands(1_234_567.0), "1,234,567");
}
