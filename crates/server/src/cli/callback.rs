//! The grammar of `callback` and `event`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Hidden;

/// `callback`.
#[derive(Debug, Subcommand)]
pub(crate) enum Callback {
    /// Make a callback, or change the one that is named
    ///
    /// The answer shows the token that signs messages: the receiver needs it.
    Set {
        /// The callback to change; without it a new one is made
        callback_id: Option<String>,
        /// Where messages go: https://…
        #[arg(long)]
        url: Option<String>,
        /// Which events: call_status, call_record, recording, number_status,
        /// risk, binding, recording_failed [default: all]
        #[arg(long, value_name = "KIND", value_delimiter = ',')]
        events: Vec<String>,
        /// The token that signs, 10 to 20 characters [default: a random one]
        #[arg(long, value_name = "TEXT")]
        token: Option<Hidden>,
        /// Trust the certificate authority of this PEM file alone
        #[arg(long, value_name = "FILE", conflicts_with = "system_ca")]
        ca: Option<PathBuf>,
        /// Trust the system's authorities again
        #[arg(long)]
        system_ca: bool,
        /// Account whose events it gets [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// List callbacks
    List {
        /// Only those of this account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// Send a made-up message and show what came back
    Test {
        /// The callback
        callback_id: String,
        /// What the message is [default: the first kind that it gets]
        #[arg(long, value_name = "KIND")]
        event: Option<String>,
    },
    /// Stop sending; what happens meanwhile is kept for later
    Pause {
        /// The callback
        callback_id: String,
    },
    /// Go on after a pause
    Resume {
        /// The callback
        callback_id: String,
    },
    /// Delete a callback and what is owed to it
    Delete {
        /// The callback
        callback_id: String,
    },
}

/// A time from which and to which.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Period {
    /// Not before: Unix seconds, or how long ago, like 90m, 2h or 3d
    #[arg(long, value_name = "WHEN")]
    pub(crate) from: Option<String>,
    /// Before: the same [default: now]
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<String>,
}

/// `event`.
#[derive(Debug, Subcommand)]
pub(crate) enum Event {
    /// List events and how their deliveries stand, newest first
    List {
        #[command(flatten)]
        period: Period,
        /// Only those with a delivery that is waiting, due, delivered, parked
        /// or stale
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only those of this account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// How many to show
        #[arg(long, value_name = "COUNT", default_value_t = 20)]
        limit: u64,
        /// Only those with a smaller id
        #[arg(long, value_name = "EVENT")]
        before: Option<i64>,
    },
    /// Send the events of a time again
    Replay {
        #[command(flatten)]
        period: Period,
        /// To this callback alone
        #[arg(long, value_name = "CB")]
        callback: Option<String>,
        /// Only events of this kind
        #[arg(long, value_name = "KIND")]
        event: Option<String>,
        /// Whose events [default: the callback's account, or that of the key]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
}
