//! Opens the application on the store that the settings name.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use axbridge_app::chance::Chance;
use axbridge_app::clock::Clock;
use axbridge_app::model::{AccessKey, Role};
use axbridge_app::{App, AppError, AppSettings};
use axbridge_domain::numbering::Numbering;
use axbridge_domain::phone::ServiceNumbers;
use axbridge_store::error::{OpenError, StoreError};
use axbridge_store::{Location, StoreOptions};

use super::keys::{self, Keys};
use crate::config::{self, Settings};
use crate::failure::{Failure, about};
use crate::operator_file;

/// Makes the data directory, for its owner alone, unless it is there.
pub(super) fn prepare_data(store: &config::Store) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&store.data);
    made.map_err(|error| {
        about(&store.data)(error).hint("name a directory that can be written with --data")
    })
}

/// An embedded store that was in use does not begin anew in silence.
fn refuse_emptied(store: &config::Store) -> Result<(), Failure> {
    let location = location_of(store);
    let Some(database) = location.unmade_database() else {
        return Ok(());
    };
    if !operator_file::path_in(&store.data).exists() {
        return Ok(());
    }
    let what = format!(
        "a server has worked in {}, but {} is empty or gone",
        store.data.display(),
        database.display()
    );
    Err(Failure::new(what)
        .hint("restore it from a backup; to begin anew, name an empty directory with --data"))
}

/// Where the store is.
pub(crate) fn location_of(store: &config::Store) -> Location {
    if store.url.is_empty() {
        Location::Directory(store.data.clone())
    } else {
        Location::Postgres(store.url.clone())
    }
}

/// Opens the application.
pub(super) async fn open(settings: &Settings) -> Result<Arc<App>, Failure> {
    refuse_emptied(&settings.store)?;
    let (keyring, new_keys) = Keys::find(&settings.store)?.split();
    if let Some(text) = &new_keys {
        keys::put_down(text, &settings.store)?;
    }
    let app_settings = AppSettings {
        location: location_of(&settings.store),
        keys: Arc::new(keyring),
        store: StoreOptions {
            remember_ms: settings.store.remember_ms(),
            idempotency_ms: settings.store.idempotency_ms(),
            queue_max: settings.store.queue_max,
            batch_max: settings.store.batch_max,
            connections_max: settings.store.connections_max,
        },
        numbering: numbering_of(&settings.numbering)?,
        service_numbers: services_of(&settings.numbering)?,
        default_terms: settings.accounts.terms(),
        calls: settings.retention.of_calls(&settings.node),
        callbacks: settings.callbacks.settings(),
        clock: Clock::system(),
        chance: Chance::system(),
    };
    let opened = App::open(app_settings).await;
    let app = match (opened, &new_keys) {
        (Err(OpenError::Store(StoreError::Unreadable(_))), Some(_)) => {
            keys::take_back(&settings.store);
            return Err(keys::lost(&settings.store.key_file()));
        }
        (opened, _) => opened.map_err(open_failure)?,
    };
    if new_keys.is_some() {
        keys::keep(&app, &settings.store).await?;
    }
    Ok(app)
}

/// The numbering plan: the built-in table, and the operator's over it.
pub(crate) fn numbering_of(settings: &config::Numbering) -> Result<Numbering, Failure> {
    let Some(path) = settings.overlay() else {
        return Ok(Numbering::built_in());
    };
    let text = std::fs::read_to_string(path).map_err(about(path))?;
    Numbering::with_overlay(&text).map_err(|error| {
        Failure::new(format!("{}: {error}", path.display()))
            .hint("a line is prefix,area_code or prefix,count,area_code")
    })
}

/// The service numbers that may be a party.
pub(crate) fn services_of(settings: &config::Numbering) -> Result<ServiceNumbers, Failure> {
    ServiceNumbers::from_texts(&settings.service_numbers)
        .map_err(|error| Failure::usage(format!("numbering.service_numbers: {error}")))
}

/// The key that local commands use: the one this start made, else the one they
/// used before, else the oldest operator key. Id and secret.
pub(super) async fn operator_key(
    app: &App,
    data: &Path,
    first_key: Option<AccessKey>,
) -> Result<(String, String), Failure> {
    let pair = |key: &AccessKey| (key.id.clone(), key.secret.reveal().to_owned());
    if let Some(key) = first_key {
        return Ok(pair(&key));
    }
    let keys = app.list_access_keys(None).await.map_err(app_failure)?;
    let usable = |key: &&AccessKey| key.role == Role::Operator && key.disabled_at.is_none();
    // A damaged file is no hindrance: it is written anew.
    let before = operator_file::read(data).ok().flatten();
    let before = before.map(|it| it.access_key_id);
    let used_before = |key: &&AccessKey| before.as_ref() == Some(&key.id);
    let same = keys.iter().filter(usable).find(used_before);
    let chosen = same.or_else(|| keys.iter().find(usable));
    chosen.map(pair).ok_or_else(|| {
        Failure::new("there is no operator key").hint("start the server again, which makes one")
    })
}

/// A store that cannot be opened.
pub(super) fn open_failure(error: OpenError) -> Failure {
    let failure = Failure::new(format!("the store cannot be opened: {error}"));
    match error {
        OpenError::Damaged(_) => failure.hint(
            "look after the disk, restore the data directory from a backup, and keep this copy",
        ),
        OpenError::Store(_) => failure.hint("`axbridge doctor` looks at each part of it"),
        _ => failure,
    }
}

/// A use case that failed at the start.
pub(super) fn app_failure(error: AppError) -> Failure {
    Failure::new(format!("the store cannot be used: {error}"))
        .hint("`axbridge doctor` looks at each part of it")
}
