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
    let filter = filter(&log.level)?;
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

/// What is logged. The SIP library logs whole messages, in which real numbers stand, already at
/// `info`: nothing of it is, and nobody can ask for it.
fn filter(level: &str) -> Result<EnvFilter, Failure> {
    let refused = |why: String| {
        Failure::usage(format!("log.level `{level}` cannot be used: {why}"))
            .hint("write one of error, warn, info, debug, trace")
    };
    if level.contains(SIP_LIBRARY) {
        let why = format!("{SIP_LIBRARY} logs whole messages with real numbers");
        return Err(refused(why));
    }
    let silent = format!("{level},{SIP_LIBRARY}=off");
    EnvFilter::try_new(silent).map_err(|error| refused(error.to_string()))
}

/// The SIP library, as it names itself in the log.
const SIP_LIBRARY: &str = "rsipstack";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_lets_the_sip_library_log_messages() {
        for level in ["info", "trace", "warn,axbridge_voice=debug"] {
            let filter = filter(level).unwrap_or_else(|_| panic!("{level} is a level"));
            assert!(filter.to_string().contains("rsipstack=off"), "{level}");
        }
        assert!(filter("info,rsipstack=debug").is_err());
        assert!(filter("info,rsipstack::transport=debug").is_err());
        assert!(filter("no such=level=x").is_err());
    }
}
