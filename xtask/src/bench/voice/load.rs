//! The measuring program: two carriers and what they find.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::contender::{CALLEE_HOST, CALLER_HOST, Contender, PAIRS, free_address};
use crate::bench::measurement::{build, lines};

/// The measuring program, and the addresses of its carriers.
pub(super) struct Load {
    program: PathBuf,
    pub(super) caller: String,
    pub(super) callee: String,
}

impl Load {
    pub(super) fn build() -> Result<Self> {
        Ok(Self {
            program: build("bench-voice", "voice")?,
            caller: free_address(CALLER_HOST)?,
            callee: free_address(CALLEE_HOST)?,
        })
    }

    fn run(&self, command: &str, arguments: &[(&str, String)]) -> Result<Value> {
        let mut run = Command::new(&self.program);
        run.arg(command);
        for (name, value) in arguments {
            run.arg(format!("{name}={value}"));
        }
        let all = lines(&mut run)?;
        all.into_iter().next().context("it printed nothing")
    }

    fn carriers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("caller", self.caller.clone()),
            ("callee", self.callee.clone()),
        ]
    }

    /// Makes trunks, numbers and bindings.
    pub(super) fn prepare(&self, data: &Path, pairs: &Path, record: bool) -> Result<()> {
        let mut arguments = self.carriers();
        arguments.extend([
            ("data", data.display().to_string()),
            ("file", pairs.display().to_string()),
            ("pairs", PAIRS.to_owned()),
            ("record", u8::from(record).to_string()),
        ]);
        self.run("prepare", &arguments)?;
        Ok(())
    }

    fn of(&self, contender: &Contender) -> Vec<(&'static str, String)> {
        let mut arguments = self.carriers();
        arguments.extend([
            ("file", contender.pairs.display().to_string()),
            ("server", contender.server.clone()),
            ("watch", contender.watch()),
        ]);
        arguments
    }

    /// Calls at a rate, each for a second.
    pub(super) fn calls(&self, contender: &Contender, rate: u32, calls: u32) -> Result<Value> {
        let mut arguments = self.of(contender);
        arguments.extend([
            ("rate", rate.to_string()),
            ("calls", calls.to_string()),
            ("hold_ms", "1000".to_owned()),
        ]);
        self.run("calls", &arguments)
    }

    /// Calls that talk.
    pub(super) fn talk(
        &self,
        contender: &Contender,
        mode: &str,
        (calls, seconds, settle_ms): (u32, u32, u32),
    ) -> Result<Value> {
        let mut arguments = self.of(contender);
        arguments.extend([
            ("mode", mode.to_owned()),
            ("rate", "100".to_owned()),
            ("calls", calls.to_string()),
            ("seconds", seconds.to_string()),
            ("settle_ms", settle_ms.to_string()),
        ]);
        self.run("talk", &arguments)
    }

    /// How many calls axbridge's books say ended after they were answered.
    pub(super) fn records(&self, data: &Path) -> Result<Value> {
        self.run("records", &[("data", data.display().to_string())])
    }
}
