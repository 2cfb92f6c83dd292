//! Where the data is, and the keys it is sealed with.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::within;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Section `store`. The connection string may hold a password and the keys are
/// secret: `Debug` shows neither.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The database; empty for the embedded store.
    pub(crate) url: String,
    key_file: PathBuf,
    /// The text of a key file; empty to read `key_file`.
    pub(crate) keys: String,
    /// The most requests waiting.
    pub(crate) queue_max: usize,
    /// The most requests in one transaction.
    pub(crate) batch_max: usize,
    /// The most connections besides the writers'.
    pub(crate) connections_max: usize,
    remember_days: u64,
    idempotency_hours: u64,
}

impl Store {
    pub(super) fn check(&self) -> Result<(), String> {
        let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        if self.data.as_os_str().is_empty() {
            return Err("store.data is empty; name a directory".to_owned());
        }
        within("store.queue_max", count(self.queue_max), 1, 1_000_000)?;
        within("store.batch_max", count(self.batch_max), 1, 65_536)?;
        within(
            "store.connections_max",
            count(self.connections_max),
            1,
            10_000,
        )?;
        within("store.remember_days", self.remember_days, 1, 3650)?;
        within("store.idempotency_hours", self.idempotency_hours, 24, 8760)
    }

    /// The key file, for when `keys` is empty.
    pub(crate) fn key_file(&self) -> PathBuf {
        if self.key_file.as_os_str().is_empty() {
            self.data.join("keys")
        } else {
            self.key_file.clone()
        }
    }

    /// How long ended routes are remembered, in milliseconds.
    pub(crate) fn remember_ms(&self) -> i64 {
        i64::try_from(self.remember_days).unwrap_or(i64::MAX / DAY_MS) * DAY_MS
    }

    /// How long idempotency keys are kept, in milliseconds.
    pub(crate) fn idempotency_ms(&self) -> i64 {
        i64::try_from(self.idempotency_hours).unwrap_or(i64::MAX / HOUR_MS) * HOUR_MS
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("data", &self.data)
            .field("embedded", &self.url.is_empty())
            .finish_non_exhaustive()
    }
}
