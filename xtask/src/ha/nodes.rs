//! Two nodes of axbridge on one database, with one key file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::guard::Guarded;

/// Printed when a node serves.
const SERVES: &str = "metrics and health on ";

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The nodes.
pub(super) struct Nodes([Node; 2]);

struct Node {
    data: PathBuf,
    /// Before the folder, so that it stops first.
    process: Guarded,
    _folder: TempDir,
}

impl Nodes {
    /// Starts both, one after the other: the first makes the keys and the schema.
    pub(super) fn start(program: &Path, url: &str) -> Result<Self> {
        let first = Node::start(program, url, None)?;
        let second = Node::start(program, url, Some(&first.data.join("keys")))?;
        Ok(Self([first, second]))
    }

    /// The data directory of each.
    pub(super) fn data(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|node| node.data.as_path())
    }

    /// What they printed, for the reader of a failure.
    pub(super) fn logs(&self) -> String {
        let logs = self.0.iter().enumerate();
        let logs = logs.map(|(index, node)| format!("node {}: {}", index + 1, node.process.log()));
        logs.collect::<Vec<_>>().join("\n")
    }
}

impl Node {
    fn start(program: &Path, url: &str, key_file: Option<&Path>) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("axbridge-ha-")
            .tempdir()
            .context("could not make a folder for a node")?;
        let data = folder.path().join("data");
        let log = folder.path().join("log");
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AXBRIDGE_") {
                command.env_remove(name);
            }
        }
        if let Some(key_file) = key_file {
            command.env("AXBRIDGE__STORE__KEY_FILE", key_file);
        }
        command.env("AXBRIDGE__API__REQUESTS_PER_KEY_PER_S", "0");
        command.args(["serve", "--http", "127.0.0.1:0"]);
        command.args(["--operator-http", "127.0.0.1:0", "--store", url, "--data"]);
        command.arg(&data);
        let mut process = Guarded::start(&mut command, &log, folder.path(), "TERM")?;
        let serves = || std::fs::read_to_string(&log).is_ok_and(|said| said.contains(SERVES));
        process.wait_until(START_TIMEOUT, serves)?;
        Ok(Self {
            data,
            process,
            _folder: folder,
        })
    }
}
