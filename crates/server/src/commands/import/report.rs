//! What became of the lines of an import.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::failure::{Failure, about};

/// Refused lines that are kept for JSON; beyond, only their count.
const KEPT_MAX: usize = 10_000;

/// Refused lines shown to people.
const SHOWN_MAX: usize = 20;

/// The count so far.
pub(super) struct Report {
    pool: String,
    /// Lines of the file that were seen to.
    pub(super) lines: u64,
    added: u64,
    unchanged: u64,
    refused: u64,
    kept: Vec<(u64, String)>,
    file: Option<(PathBuf, csv::Writer<File>)>,
}

impl Report {
    /// Nothing done yet. Refused lines also go to `file`.
    pub(super) fn new(pool: &str, file: Option<&Path>) -> Result<Self, Failure> {
        let file = match file {
            Some(path) => {
                let made = File::create(path).map_err(about(path))?;
                let mut writer = csv::Writer::from_writer(made);
                let head = writer.write_record(["line", "reason"]);
                head.map_err(|error| unwritten(path, &error))?;
                Some((path.to_owned(), writer))
            }
            None => None,
        };
        Ok(Self {
            pool: pool.to_owned(),
            lines: 0,
            added: 0,
            unchanged: 0,
            refused: 0,
            kept: Vec::new(),
            file,
        })
    }

    /// Adds what the server answered for a batch.
    pub(super) fn add(&mut self, added: u64, unchanged: u64, lines: u64) {
        self.added += added;
        self.unchanged += unchanged;
        self.lines += lines;
    }

    /// Adds a line that was not taken.
    pub(super) fn refuse(&mut self, line: u64, reason: &str) -> Result<(), Failure> {
        self.refused += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push((line, reason.to_owned()));
        }
        match &mut self.file {
            Some((path, writer)) => writer
                .write_record([line.to_string().as_str(), reason])
                .map_err(|error| unwritten(path, &error)),
            None => Ok(()),
        }
    }

    /// Sees that the file of refused lines is whole.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        match &mut self.file {
            Some((path, writer)) => writer.flush().map_err(about(path)),
            None => Ok(()),
        }
    }

    /// Whether there were lines and none of them was good.
    pub(super) fn is_all_refused(&self) -> bool {
        self.refused > 0 && self.added == 0 && self.unchanged == 0
    }

    /// As JSON.
    pub(super) fn value(&self) -> Value {
        let line = |(line, reason): &(u64, String)| json!({"Line": line, "Reason": reason});
        json!({
            "NumberPoolNo": self.pool,
            "Lines": self.lines,
            "Added": self.added,
            "Unchanged": self.unchanged,
            "RefusedCount": self.refused,
            "Refused": self.kept.iter().map(line).collect::<Vec<_>>(),
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} added, {} there already, {} refused",
            self.added, self.unchanged, self.refused
        );
        for (line, reason) in self.kept.iter().take(SHOWN_MAX) {
            text.push_str(&format!("\n  line {line}: {reason}"));
        }
        let shown = self.kept.len().min(SHOWN_MAX) as u64;
        if self.refused > shown {
            let rest = self.refused - shown;
            text.push_str(&match &self.file {
                Some((path, _)) => format!("\n  and {rest} more, all in {}", path.display()),
                None => format!("\n  and {rest} more; --refused FILE writes them all"),
            });
        }
        text
    }
}

fn unwritten(path: &Path, error: &csv::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
