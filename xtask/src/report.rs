//! What is running, how long it took, and how it ended. Steps prepare; suites
//! judge, and only they are counted.

use std::time::{Duration, Instant};

use anyhow::Result;

struct Suite {
    name: String,
    passed: bool,
    took: Duration,
}

/// The suites that ran so far.
#[derive(Default)]
pub(crate) struct Report {
    suites: Vec<Suite>,
}

impl Report {
    /// Runs something that prepares, under a heading; counted only if it fails.
    pub(crate) fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        heading(name);
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        println!("-- {name}: {}", seconds(took));
        if outcome.is_err() {
            self.note(name, false, took);
        }
        outcome.map_err(|error| error.context(name.to_owned()))
    }

    /// Runs something that judges, under a heading, and counts it.
    pub(crate) fn suite(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        heading(name);
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        let passed = outcome.is_ok();
        let verdict = if passed { "passed" } else { "FAILED" };
        println!("-- {name}: {verdict} in {}", seconds(took));
        self.note(name, passed, took);
        outcome.map_err(|error| error.context(name.to_owned()))
    }

    fn note(&mut self, name: &str, passed: bool, took: Duration) {
        self.suites.push(Suite {
            name: name.to_owned(),
            passed,
            took,
        });
    }

    /// Prints every suite and, as the last line, how many passed and failed.
    pub(crate) fn summary(&self) {
        heading("Summary");
        for suite in &self.suites {
            let verdict = if suite.passed { "ok    " } else { "FAILED" };
            println!("{verdict} {:>8}  {}", seconds(suite.took), suite.name);
        }
        let passed = self.suites.iter().filter(|suite| suite.passed).count();
        println!("\n{passed} passed, {} failed", self.suites.len() - passed);
    }
}

fn heading(name: &str) {
    println!("\n== {name}");
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
