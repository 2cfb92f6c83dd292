//! The store: by the server that holds it, else by opening it.

use std::sync::Arc;

use axbridge_app::clock::Clock;
use axbridge_store::{Location, Store, StoreOptions, error::OpenError};

use super::Finding;
use super::network::Server;
use crate::config::Settings;
use crate::wire::{Keys, location_of};

const CHECK: &str = "store";

/// Looks at it.
pub(super) async fn look(settings: &Settings, server: Option<&Server>) -> Finding {
    match server {
        Some(Server { is_ready: true, .. }) => {
            return Finding::ok(CHECK, "the running server works with it");
        }
        Some(server) => {
            let says = format!(
                "the running server ({}) cannot work with it",
                server.file.endpoint
            );
            return Finding::fail(CHECK, says).hint("the server's log says why");
        }
        None => {}
    }
    let location = location_of(&settings.store);
    // Looking must not make what the first start makes.
    if matches!(location, Location::Directory(_)) && !settings.store.data.exists() {
        return Finding::ok(CHECK, "it will be made at the first start");
    }
    if settings.store.keys.is_empty() && !settings.store.key_file().exists() {
        return Finding::ok(CHECK, "not looked at: the first start makes its keys");
    }
    match open(settings, &location).await {
        Ok(()) => Finding::ok(CHECK, "it can be opened with these keys"),
        Err(finding) => finding,
    }
}

async fn open(settings: &Settings, location: &Location) -> Result<(), Finding> {
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
    let ready = store.ready().await;
    store.close().await;
    ready.map_err(|error| Finding::fail(CHECK, error.to_string()))
}
