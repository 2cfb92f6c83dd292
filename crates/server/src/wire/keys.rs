//! The keys of the data at rest: read, or made for a store that is still empty.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use axbridge_app::App;
use axbridge_store::keyring::Keyring;
use zeroize::Zeroizing;

use super::open::{app_failure, open_failure};
use crate::config::Store;
use crate::failure::{Failure, about};

/// Keys, and their text while it stands in no file yet.
pub(crate) struct Keys {
    /// To open the store with.
    pub(crate) keyring: Keyring,
    unwritten: Option<Zeroizing<String>>,
}

impl Keys {
    /// The keys of the settings, else of the key file, else new ones. Nothing is
    /// written: new keys must not take the place of lost ones.
    pub(crate) fn find(store: &Store) -> Result<Self, Failure> {
        if !store.keys.is_empty() {
            let keyring = Keyring::parse(&store.keys).map_err(unreadable_setting)?;
            return Ok(Self::known(keyring));
        }
        let path = store.key_file();
        if path.exists() {
            let keyring = Keyring::load_or_create(&path).map_err(open_failure)?;
            return Ok(Self::known(keyring));
        }
        // A first start may have been cut short after the store was made with these.
        let pending = pending_of(&path);
        if pending.exists() {
            let text = std::fs::read_to_string(&pending).map_err(about(&pending))?;
            return Self::unproven(Zeroizing::new(text));
        }
        let made = Keyring::generate().map_err(|error| Failure::new(error.to_string()))?;
        Self::unproven(made)
    }

    fn unproven(text: Zeroizing<String>) -> Result<Self, Failure> {
        Ok(Self {
            keyring: Keyring::parse(&text).map_err(Failure::new)?,
            unwritten: Some(text),
        })
    }

    fn known(keyring: Keyring) -> Self {
        Self {
            keyring,
            unwritten: None,
        }
    }

    /// The keyring, and what [`keep`] needs.
    pub(super) fn split(self) -> (Keyring, Option<Zeroizing<String>>) {
        (self.keyring, self.unwritten)
    }
}

/// Puts new keys down beside the key file before a store is made with them: if
/// this start is cut short, the next one can open what it made.
pub(super) fn put_down(text: &str, store: &Store) -> Result<(), Failure> {
    let pending = pending_of(&store.key_file());
    if pending.exists() {
        return Ok(());
    }
    write_private(&pending, text)
}

/// Makes new keys the key file, if the store has nothing in it that other keys
/// sealed.
pub(super) async fn keep(app: &App, store: &Store) -> Result<(), Failure> {
    let path = store.key_file();
    let accounts = app.list_accounts().await.map_err(app_failure)?;
    if !accounts.is_empty() {
        take_back(store);
        return Err(lost(&path));
    }
    std::fs::rename(pending_of(&path), &path).map_err(about(&path))?;
    flush_folder_of(&path)
}

/// Removes new keys that fit no store.
pub(super) fn take_back(store: &Store) {
    let pending = pending_of(&store.key_file());
    if let Err(error) = std::fs::remove_file(&pending) {
        tracing::warn!(path = %pending.display(), %error, "unused keys were not removed");
    }
}

/// Where keys stand until the store is known to be theirs.
fn pending_of(key_file: &Path) -> PathBuf {
    let mut name = key_file.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// What to say when the store needs keys that are not there.
pub(super) fn lost(path: &Path) -> Failure {
    let what = format!(
        "there is data, but not the keys it is sealed with ({})",
        path.display()
    );
    Failure::new(what).hint(
        "put its key file there: from your backup, or from another server on the same database",
    )
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A name is durable only once its folder is.
fn flush_folder_of(path: &Path) -> Result<(), Failure> {
    let folder = folder_of(path);
    let flushed = std::fs::File::open(folder).and_then(|opened| opened.sync_all());
    flushed.map_err(about(folder))
}

fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = folder_of(path);
    // A temporary file is readable by its owner alone.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(about(path))?;
    file.write_all(text.as_bytes()).map_err(about(path))?;
    file.as_file().sync_all().map_err(about(path))?;
    file.persist_noclobber(path)
        .map_err(|error| about(path)(error.error))?;
    flush_folder_of(path)
}

fn unreadable_setting(reason: String) -> Failure {
    Failure::new(format!("store.keys cannot be used: {reason}"))
        .hint("it is the text of a key file: a line `index HEX` and a line `seal ID HEX`")
}
