//! The settings of `axbridge serve`: one struct a concern, in four layers.
//!
//! The defaults are the commented file `config.default.toml`, compiled in, so
//! that the documentation cannot differ from what applies. Not here: flags of
//! the client commands (see `crate::cli`).

mod accounts;
mod api;
mod callbacks;
mod http;
mod layers;
mod log;
mod numbering;
mod operator;
mod page;
mod recordings;
mod retention;
mod store;
mod sweep;
mod trunks;
mod voice;

use serde::Deserialize;

pub(crate) use accounts::Accounts;
pub(crate) use api::{Api, OverRateAnswer};
pub(crate) use callbacks::Callbacks;
pub(crate) use http::{Http, TlsFiles, reachable};
pub(crate) use layers::{Overrides, load};
pub(crate) use log::{Log, LogFormat};
pub(crate) use numbering::Numbering;
pub(crate) use operator::Operator;
pub(crate) use page::settings_page;
pub(crate) use recordings::Recordings;
pub(crate) use retention::{Node, Retention};
pub(crate) use store::Store;
pub(crate) use sweep::Sweep;
pub(crate) use voice::Voice;

/// The defaults, with the comments that document them.
pub(crate) const DEFAULTS: &str = include_str!("../../config.default.toml");

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The API that clients call.
    pub(crate) http: Http,
    /// The port of metrics and health.
    pub(crate) operator: Operator,
    /// Where the data is.
    pub(crate) store: Store,
    /// How the API treats its clients.
    pub(crate) api: Api,
    /// What is known about phone numbers.
    pub(crate) numbering: Numbering,
    /// Terms of new accounts.
    pub(crate) accounts: Accounts,
    /// How events reach their receivers.
    pub(crate) callbacks: Callbacks,
    /// Housekeeping.
    pub(crate) sweep: Sweep,
    /// How long what is over is kept.
    pub(crate) retention: Retention,
    /// This node among others.
    pub(crate) node: Node,
    /// Recordings.
    pub(crate) recordings: Recordings,
    /// Calls.
    pub(crate) voice: Voice,
    /// Logs.
    pub(crate) log: Log,
}

impl Settings {
    /// What no single value shows to be wrong.
    fn check(&self) -> Result<(), String> {
        self.http.check()?;
        self.store.check()?;
        self.api.check()?;
        self.retention.check()?;
        self.node.check()?;
        self.callbacks.check()?;
        self.recordings.check()?;
        self.voice.check()?;
        if !self.voice.serves_api() && self.store.url.is_empty() {
            return Err(
                "voice.role is voice, so store.url must name the PostgreSQL database that \
                        this node shares with those that answer the API"
                    .to_owned(),
            );
        }
        self.sweep.check()
    }
}

/// `Err` unless the value lies in the range.
fn within(name: &str, value: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} is {value}; it goes from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests;
