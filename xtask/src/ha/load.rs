//! The program that signs requests and remembers what was acknowledged
//! (`tests/ha_load`), as a process that this one tells when to stop.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The running load. Its end is the end of its standard input, so it does not
/// outlive this program for long; dropping it kills it.
pub(super) struct Load {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Load {
    /// Starts it on the nodes of these data directories.
    pub(super) fn start<'d>(program: &Path, nodes: impl Iterator<Item = &'d Path>) -> Result<Self> {
        let mut child = Command::new(program)
            .args(nodes)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the load prints nothing")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Waits until every worker was answered.
    pub(super) fn wait_until_running(&mut self) -> Result<()> {
        let said = self.line()?;
        ensure!(said == "running", "the load ended at its start");
        Ok(())
    }

    /// Tells it to stop and to look at everything; gives what it found.
    pub(super) fn finish(&mut self) -> Result<Value> {
        drop(self.input.take());
        let said = self.line()?;
        serde_json::from_str(&said).with_context(|| format!("the load did not report: {said:?}"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .context("could not read what the load prints")?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It has ended by itself, unless the rehearsal failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
