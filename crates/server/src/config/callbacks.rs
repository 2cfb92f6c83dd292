//! How events reach their receivers.

use std::sync::Arc;
use std::time::Duration;

use axbridge_app::callbacks::CallbackSettings;
use axbridge_app::callbacks::resolve::SystemLookup;
use axbridge_domain::delivery::{BreakerRules, Schedule};
use ipnet::IpNet;
use serde::Deserialize;

use super::layers::list;
use super::within;

/// Section `callbacks`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Callbacks {
    /// Whether this server sends them.
    pub(crate) enabled: bool,
    timeout_ms: u64,
    concurrency_per_receiver: u64,
    poll_ms: u64,
    #[serde(deserialize_with = "list")]
    retry_s: Vec<String>,
    retry_round_s: u64,
    give_up_hours: u64,
    status_fresh_s: u64,
    break_s: u64,
    #[serde(deserialize_with = "list")]
    allowed_ranges: Vec<String>,
    #[serde(deserialize_with = "list")]
    http_hosts: Vec<String>,
}

impl Callbacks {
    pub(super) fn check(&self) -> Result<(), String> {
        within("callbacks.timeout_ms", self.timeout_ms, 100, 60_000)?;
        let concurrency = self.concurrency_per_receiver;
        within("callbacks.concurrency_per_receiver", concurrency, 1, 256)?;
        within("callbacks.poll_ms", self.poll_ms, 10, 60_000)?;
        within("callbacks.retry_round_s", self.retry_round_s, 1, 86_400)?;
        within("callbacks.give_up_hours", self.give_up_hours, 1, 720)?;
        within("callbacks.status_fresh_s", self.status_fresh_s, 1, 3600)?;
        within("callbacks.break_s", self.break_s, 1, 3600)?;
        self.quick_ms()?;
        self.ranges().map(|_| ())
    }

    fn quick_ms(&self) -> Result<Vec<i64>, String> {
        let wait = |text: &String| match text.parse::<i64>() {
            Ok(seconds @ 1..=86_400) => Ok(seconds * 1000),
            _ => Err(format!(
                "callbacks.retry_s has `{text}`; each is 1 to 86400 seconds"
            )),
        };
        self.retry_s.iter().map(wait).collect()
    }

    fn ranges(&self) -> Result<Vec<IpNet>, String> {
        let range = |text: &String| {
            text.parse::<IpNet>().map_err(|_| {
                format!("callbacks.allowed_ranges has `{text}`; write a range as 10.1.0.0/16")
            })
        };
        self.allowed_ranges.iter().map(range).collect()
    }

    /// As the application takes it; the values have been checked.
    pub(crate) fn settings(&self) -> CallbackSettings {
        let ms = |whole: u64, each: i64| i64::try_from(whole).unwrap_or(i64::MAX / each) * each;
        let breaker = BreakerRules::default();
        let open_ms = ms(self.break_s, 1000);
        CallbackSettings {
            timeout: Duration::from_millis(self.timeout_ms),
            concurrency: usize::try_from(self.concurrency_per_receiver).unwrap_or(usize::MAX),
            poll: Duration::from_millis(self.poll_ms),
            allowed_ranges: self.ranges().unwrap_or_default(),
            http_hosts: self
                .http_hosts
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
            schedule: Schedule {
                quick_ms: self.quick_ms().unwrap_or_default(),
                round_ms: ms(self.retry_round_s, 1000),
                keep_ms: ms(self.give_up_hours, 3_600_000),
                fresh_ms: ms(self.status_fresh_s, 1000),
            },
            breaker: BreakerRules {
                open_ms,
                open_ms_max: breaker.open_ms_max.max(open_ms),
                ..breaker
            },
            lookup: Arc::new(SystemLookup),
        }
    }
}
