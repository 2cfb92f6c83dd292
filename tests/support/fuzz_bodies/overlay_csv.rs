//! An operator's list of prefixes: what it says is what numbers get, and a list
//! that contradicts itself is refused in any order.

use std::sync::LazyLock;

use axbridge_domain::city::CityCode;
use axbridge_domain::numbering::{Numbering, OverlayError, OverlayReason};
use axbridge_domain::phone::PhoneNumber;

use super::assert_tells_no_number;

static BUILT_IN: LazyLock<Numbering> = LazyLock::new(Numbering::built_in);

/// One line that can be used.
struct Line {
    first: u32,
    count: u32,
    city: CityCode,
}

/// Checks the text of an operator's list.
pub fn check_overlay_csv(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Numbering::with_overlay(&text) {
        Ok(numbering) => check_taken(&text, &numbering),
        Err(error) => check_refused(&text, error),
    }
}

fn check_taken(text: &str, numbering: &Numbering) {
    let content: Vec<&str> = data_lines(text).map(|(_, line)| line).collect();
    let lines: Vec<Line> = content.iter().map(|line| read(line)).collect();
    let total: u32 = lines.iter().map(|line| line.count).sum();
    assert_eq!(numbering.overlay_prefix_count(), total);
    let backwards: Vec<&str> = content.iter().rev().copied().collect();
    let backwards = Numbering::with_overlay(&backwards.join("\n")).expect("the order is free");
    let is_listed = |prefix: u32| {
        let holds = |line: &Line| (line.first..line.first + line.count).contains(&prefix);
        lines.iter().any(holds)
    };
    for line in &lines {
        for prefix in [line.first, line.first + line.count - 1] {
            let number = number(prefix).expect("a listed prefix is a mobile one");
            assert_eq!(numbering.city_of(&number), Some(line.city));
            assert_eq!(backwards.city_of(&number), Some(line.city));
        }
        for prefix in [line.first - 1, line.first + line.count] {
            let Some(number) = number(prefix).filter(|_| !is_listed(prefix)) else {
                continue;
            };
            assert_eq!(numbering.city_of(&number), BUILT_IN.city_of(&number));
        }
    }
}

fn check_refused(text: &str, error: OverlayError) {
    assert_tells_no_number(&error.to_string());
    assert!((1..=text.lines().count()).contains(&error.line));
    if let OverlayReason::Overlap { earlier_line } = error.reason {
        let line = |wanted: usize| {
            let found = data_lines(text).find(|(number, _)| *number == wanted);
            read(found.expect("the line has data").1)
        };
        let (earlier, later) = (line(earlier_line), line(error.line));
        assert!(earlier_line < error.line);
        assert!(earlier.first < later.first + later.count);
        assert!(later.first < earlier.first + earlier.count);
    }
}

/// The lines that are neither blank nor the heading, counted from 1.
fn data_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let filled = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty());
    filled.skip_while(|(_, line)| line.starts_with("prefix"))
}

/// Reads a line that was taken.
fn read(line: &str) -> Line {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let (first, count, city) = match fields[..] {
        [first, city] => (first, "1", city),
        [first, count, city] => (first, count, city),
        _ => panic!("a line of {} fields was taken", fields.len()),
    };
    Line {
        first: first.parse().expect("a prefix is a number"),
        count: count.parse().expect("a count is a number"),
        city: CityCode::parse(city).expect("a city is a city code"),
    }
}

/// A mobile number with this prefix.
fn number(prefix: u32) -> Option<PhoneNumber> {
    PhoneNumber::parse(&format!("{prefix}0000")).ok()
}
