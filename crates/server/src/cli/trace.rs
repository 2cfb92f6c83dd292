//! `trace`: what a server's log says about one call.

use std::path::PathBuf;

use clap::Args;

/// `trace`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Trace {
    /// The call: its CallId, or a SIP Call-ID of one of its legs
    #[arg(value_name = "CALL")]
    pub(crate) call: String,
    /// The server's log, text or JSON, written with
    /// `log.level = "info,axbridge_voice=debug,axbridge::sip=trace"`
    #[arg(value_name = "LOGFILE")]
    pub(crate) log: PathBuf,
}
