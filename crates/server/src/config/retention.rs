//! How long what is over is kept, and by which name calls know this node.

use axbridge_app::records::CallSettings;
use serde::Deserialize;

use super::within;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;
const NODE_CHARS_MAX: u64 = 64;
/// Where Linux tells the name of the machine.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
const NAME_OF_LAST_RESORT: &str = "axbridge";

/// Section `node`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    name: String,
    call_hours_max: u64,
}

/// Section `retention`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    bindings_days: u64,
    calls_days: u64,
    events_days: u64,
}

impl Node {
    pub(super) fn check(&self) -> Result<(), String> {
        let chars = u64::try_from(self.name.chars().count()).unwrap_or(u64::MAX);
        within("node.name's length", chars, 0, NODE_CHARS_MAX)?;
        if self.name.chars().any(char::is_control) {
            return Err("node.name has control characters".to_owned());
        }
        within("node.call_hours_max", self.call_hours_max, 1, 24 * 30)
    }

    /// The name, or else the machine's.
    fn name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let host = std::fs::read_to_string(HOST_NAME).unwrap_or_default();
        let host: String = host.trim().chars().take(64).collect();
        if host.is_empty() {
            NAME_OF_LAST_RESORT.to_owned()
        } else {
            host
        }
    }
}

impl Retention {
    pub(super) fn check(&self) -> Result<(), String> {
        within("retention.bindings_days", self.bindings_days, 7, 3650)?;
        within("retention.calls_days", self.calls_days, 7, 3650)?;
        within("retention.events_days", self.events_days, 4, 3650)?;
        if self.events_days > self.calls_days {
            return Err(
                "retention.events_days is more than retention.calls_days; events tell of calls \
                 that must still be there"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The same for the application.
    pub(crate) fn of_calls(&self, node: &Node) -> CallSettings {
        let ms = |count: u64, unit: i64| i64::try_from(count).unwrap_or(i64::MAX / unit) * unit;
        CallSettings {
            node: node.name(),
            open_ms_max: ms(node.call_hours_max, HOUR_MS),
            bindings_kept_ms: ms(self.bindings_days, DAY_MS),
            calls_kept_ms: ms(self.calls_days, DAY_MS),
            events_kept_ms: ms(self.events_days, DAY_MS),
        }
    }
}
