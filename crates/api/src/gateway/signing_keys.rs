//! Signing keys that were derived before: deriving one costs four HMACs, and a
//! client uses the same for a day.
//!
//! A key gets in only after a signature by it held, so that strangers cannot
//! make this table grow; and it is used only for an access key that was found
//! active for this very request, so that disabling one works at once.

use std::time::Duration;

use axbridge_app::model::AccessKey;
use moka::sync::Cache;

use crate::signature::{Scope, SigningKey};

/// Enough for every client of a busy server; one more only costs its derivation.
const KEYS_MAX: u64 = 10_000;

/// Keys of yesterday are not used any more.
const IDLE_MAX: Duration = Duration::from_secs(2 * 3600);

/// The keys.
pub(super) struct SigningKeys(Cache<String, SigningKey>);

/// A key, and the name to keep it under if it is new.
pub(super) struct Derived {
    /// The key.
    pub(super) key: SigningKey,
    new_name: Option<String>,
}

impl SigningKeys {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(KEYS_MAX)
                .time_to_idle(IDLE_MAX)
                .build(),
        )
    }

    /// The key for what is signed in this scope.
    pub(super) fn get(&self, access_key: &AccessKey, scope: &Scope) -> Derived {
        let Scope {
            date,
            region,
            service,
        } = scope;
        // An id is never given out twice, so it stands for its secret. None of
        // the parts can hold a slash.
        let name = format!("{}/{date}/{region}/{service}", access_key.id);
        match self.0.get(&name) {
            Some(key) => Derived {
                key,
                new_name: None,
            },
            None => Derived {
                key: SigningKey::derive(
                    access_key.secret.reveal().as_bytes(),
                    date,
                    region,
                    service,
                ),
                new_name: Some(name),
            },
        }
    }

    /// Keeps a key by which a signature held.
    pub(super) fn keep(&self, derived: Derived) {
        if let Some(name) = derived.new_name {
            self.0.insert(name, derived.key);
        }
    }
}
