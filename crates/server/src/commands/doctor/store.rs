//! The store: by the server that holds it, else by opening it. And what is to be had from it: the
//! trunks, and the database's clock.

use std::sync::Arc;

use serde_json::{Value, json};

use axbridge_app::clock::Clock;
use axbridge_domain::trunk::{FIELDS, Trunk};
use axbridge_store::{
    Location, Store, StoreOptions,
    error::{OpenError, StoreError},
};

use super::Finding;
use super::network::{Server, client_of};
use crate::config::Settings;
use crate::output::list;
use crate::wire::{Keys, location_of};

const CHECK: &str = "store";

/// A clock that differs by more than this from the database's, in milliseconds, is worth a look:
/// what one node knows to be over another still takes for live.
const CLOCK_MS_WARN: u64 = 1_000;
/// One that differs by more than this decides wrongly.
const CLOCK_MS_FAIL: u64 = 30_000;

/// What was found.
pub(super) struct Looked {
    /// About the store and its clock.
    pub(super) findings: Vec<Finding>,
    /// The trunks there are.
    pub(super) trunks: Vec<Trunk>,
}

impl From<Finding> for Looked {
    fn from(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            trunks: Vec::new(),
        }
    }
}

/// Looks at it.
pub(super) async fn look(settings: &Settings, server: Option<&Server>) -> Looked {
    let location = location_of(&settings.store);
    let is_shared = matches!(location, Location::Postgres(_));
    match server {
        Some(server) if !server.is_ready => {
            let says = format!(
                "the running server ({}) cannot work with it",
                server.file.endpoint
            );
            return Finding::fail(CHECK, says)
                .hint("the server's log says why")
                .into();
        }
        Some(server) => {
            let mut looked = Looked::from(Finding::ok(CHECK, "the running server works with it"));
            looked.trunks = trunks_of(server).await;
            if is_shared && let Ok(opened) = open(settings, &location).await {
                looked.findings.extend(opened.findings.into_iter().skip(1));
            }
            return looked;
        }
        None => {}
    }
    // Looking must not make what the first start makes.
    if !is_shared && !settings.store.data.exists() {
        return Finding::ok(CHECK, "it will be made at the first start").into();
    }
    if settings.store.keys.is_empty() && !settings.store.key_file().exists() {
        return Finding::ok(CHECK, "not looked at: the first start makes its keys").into();
    }
    match open(settings, &location).await {
        Ok(looked) => looked,
        Err(finding) => finding.into(),
    }
}

async fn open(settings: &Settings, location: &Location) -> Result<Looked, Finding> {
    let keys = Keys::find(&settings.store).map_err(|failure| Finding::of("keys", &failure))?;
    let now = Clock::system().now();
    let opened = Store::open(
        location,
        Arc::new(keys.keyring),
        StoreOptions::default(),
        now,
    )
    .await;
    let store = opened.map_err(|error| {
        let finding = Finding::fail(CHECK, error.to_string());
        match error {
            OpenError::InUse(_) => finding.hint(
                "an axbridge runs on it that does not answer at the endpoint in operator.json",
            ),
            _ => finding,
        }
    })?;
    let looked = look_into(&store).await;
    store.close().await;
    looked.map_err(|error| Finding::fail(CHECK, error.to_string()))
}

async fn look_into(store: &Store) -> Result<Looked, StoreError> {
    store.ready().await?;
    let mut looked = Looked::from(Finding::ok(CHECK, "it can be opened with these keys"));
    let before = Clock::system().now();
    if let Some(theirs) = store.database_moment().await? {
        // Their moment lies somewhere between ours before and after the question.
        let after = Clock::system().now().unix_ms();
        let (theirs, before) = (theirs.unix_ms(), before.unix_ms());
        let apart = (before - theirs).max(theirs - after).max(0).unsigned_abs();
        looked.findings.push(clock(apart));
    }
    let records = store.trunks().await?;
    looked.trunks = records.into_iter().map(|record| record.trunk).collect();
    Ok(looked)
}

fn clock(apart_ms: u64) -> Finding {
    const CHECK: &str = "clock";
    let says = format!("{apart_ms} ms from the database's");
    let hint =
        "let NTP (chrony, systemd-timesyncd) keep the clocks of all nodes and of the database";
    if apart_ms <= CLOCK_MS_WARN {
        Finding::ok(CHECK, "agrees with the database's")
    } else if apart_ms <= CLOCK_MS_FAIL {
        Finding::warn(CHECK, says).hint(hint)
    } else {
        Finding::fail(CHECK, says).hint(hint)
    }
}

/// The trunks that a running server knows.
async fn trunks_of(server: &Server) -> Vec<Trunk> {
    let Ok(client) = client_of(server) else {
        return Vec::new();
    };
    let found = client.call("ListTrunks", &json!({})).await;
    let found = found.unwrap_or_default();
    list(&found, "Records")
        .iter()
        .filter_map(trunk_of)
        .collect()
}

fn trunk_of(record: &Value) -> Option<Trunk> {
    let mut trunk = Trunk::new(record["TrunkName"].as_str()?.parse().ok()?);
    for field in FIELDS {
        let value = match &record[field.name] {
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                items.join(",")
            }
            other => other.to_string(),
        };
        // A server of another version may know fields that we do not take.
        let _ = trunk.set(field.name, &value);
    }
    Some(trunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Level;

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_from_the_databases() {
        for (apart_ms, level) in [
            (0, Level::Ok),
            (1_000, Level::Ok),
            (1_001, Level::Warn),
            (30_000, Level::Warn),
            (30_001, Level::Fail),
        ] {
            assert_eq!(clock(apart_ms).level, level, "{apart_ms}");
        }
    }

    #[test]
    fn a_trunk_is_read_from_its_record() {
        let record = json!({
            "TrunkName": "carrier", "Enabled": true, "Inbound": false, "CallsMax": 30,
            "Peers": ["192.0.2.7:5061;transport=tls", "192.0.2.8"], "TlsName": "sip.example.com",
        });
        let trunk = trunk_of(&record).expect("a trunk");
        assert_eq!(trunk.peers.len(), 2);
        assert_eq!((trunk.inbound, trunk.calls_max), (false, Some(30)));
        assert_eq!(trunk.tls_name, "sip.example.com");
    }
}
