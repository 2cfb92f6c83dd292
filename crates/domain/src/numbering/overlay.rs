//! Reads an operator's list of mobile prefixes.

use std::error::Error;
use std::fmt;

use super::prefix_table::{PREFIXES, Run};
use crate::city::{CityCode, CityError};

/// A line of an operator's list that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverlayError {
    /// The line, counted from 1 with the heading and blank lines.
    pub line: usize,
    /// What is wrong with it.
    pub reason: OverlayReason,
}

/// What is wrong with a line of an operator's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlayReason {
    /// Neither two nor three fields.
    FieldCount,
    /// The prefix is not the first seven digits of a mobile number.
    Prefix,
    /// The count is no number from 1 on.
    Count,
    /// So many prefixes from this one on go beyond the last mobile prefix.
    RangeEnd,
    /// The area code is not known.
    AreaCode(CityError),
    /// Another line speaks of the same prefix.
    Overlap {
        /// That other, earlier line.
        earlier_line: usize,
    },
}

impl fmt::Display for OverlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl fmt::Display for OverlayReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FieldCount => f.write_str("write prefix,area_code or prefix,count,area_code"),
            Self::Prefix => {
                f.write_str("write the first 7 digits of a mobile number, for example 1370000")
            }
            Self::Count => f.write_str("write how many prefixes the line is for, 1 or more"),
            Self::RangeEnd => f.write_str("the count goes beyond the last prefix, 1999999"),
            Self::AreaCode(error) => error.fmt(f),
            Self::Overlap { earlier_line } => write!(
                f,
                "line {earlier_line} speaks of the same prefix already: keep one of the two"
            ),
        }
    }
}

impl Error for OverlayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            OverlayReason::AreaCode(error) => Some(error),
            _ => None,
        }
    }
}

/// The runs of the list, ascending and without overlap. At most one for each mobile prefix.
pub(super) fn read(csv_text: &str) -> Result<Vec<Run>, OverlayError> {
    // Spreadsheets put a byte order mark in front of what they export.
    let text = csv_text.strip_prefix('\u{feff}').unwrap_or(csv_text);
    let mut numbered = Vec::new();
    let mut prefixes_left = PREFIXES.end - PREFIXES.start;
    for (line, content) in (1_usize..).zip(text.lines()) {
        if content.trim().is_empty() || (numbered.is_empty() && content.starts_with("prefix")) {
            continue;
        }
        let run = read_line(content).map_err(|reason| OverlayError { line, reason })?;
        numbered.push((run, line));
        // More prefixes than there are: some come twice, and there is no need to hold them all.
        match prefixes_left.checked_sub(run.count) {
            Some(left) => prefixes_left = left,
            None => break,
        }
    }
    numbered.sort_unstable_by_key(|(run, line)| (run.prefix, *line));
    refuse_overlap(&numbered)?;
    Ok(numbered.into_iter().map(|(run, _)| run).collect())
}

fn read_line(content: &str) -> Result<Run, OverlayReason> {
    let mut fields = content.split(',').map(str::trim);
    let (prefix, count, code) = match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (Some(prefix), Some(code), None, None) => (prefix, "1", code),
        (Some(prefix), Some(count), Some(code), None) => (prefix, count, code),
        _ => return Err(OverlayReason::FieldCount),
    };
    let prefix = number(prefix).filter(|prefix| PREFIXES.contains(prefix));
    let prefix = prefix.ok_or(OverlayReason::Prefix)?;
    let count = number(count)
        .filter(|count| *count > 0)
        .ok_or(OverlayReason::Count)?;
    if count > PREFIXES.end - prefix {
        return Err(OverlayReason::RangeEnd);
    }
    let city = CityCode::parse(code).map_err(OverlayReason::AreaCode)?;
    Ok(Run {
        prefix,
        count,
        city,
    })
}

/// Digits alone: `parse` would also take a sign.
fn number(text: &str) -> Option<u32> {
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits_only { text.parse().ok() } else { None }
}

fn refuse_overlap(numbered: &[(Run, usize)]) -> Result<(), OverlayError> {
    for pair in numbered.windows(2) {
        let [(first, first_line), (second, second_line)] = pair else {
            continue;
        };
        if second.prefix < first.end() {
            return Err(OverlayError {
                line: *first_line.max(second_line),
                reason: OverlayReason::Overlap {
                    earlier_line: *first_line.min(second_line),
                },
            });
        }
    }
    Ok(())
}
