//! What the server says while it runs: structured lines on standard error.
//!
//! Numbers are masked by their type before they come here.

mod background;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::failure::Failure;
use background::Background;
pub(crate) use background::LastLines;

/// Starts logging, once in a process; the last lines are written when what it
/// gives is dropped.
pub(crate) fn start(log: &Log) -> Result<LastLines, Failure> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| {
        Failure::usage(format!("log.level `{}` cannot be used: {error}", log.level))
            .hint("write one of error, warn, info, debug, trace")
    })?;
    let (lines, last_lines) = Background::start(std::io::stderr())?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines);
    let started = match log.format {
        LogFormat::Text => {
            let is_terminal = std::io::stderr().is_terminal();
            lines.with_ansi(is_terminal).try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    match started {
        Ok(()) => Ok(last_lines),
        Err(error) => Err(Failure::new(format!("logging cannot start: {error}"))),
    }
}
