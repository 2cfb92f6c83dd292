//! The data directory: its lock, its database, the schema's version, and whether the keys fit.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use axbridge_domain::{account::AccountId, phone::PhoneNumber, time::Timestamp};
use rusqlite::{Connection, OptionalExtension as _, config::DbConfig, params};

use super::{delivery::drop_leases, fault};
use crate::{
    error::{OpenError, StoreError},
    keyring::Keyring,
    migrate::{Migration, pending},
};

const DATABASE: &str = "axbridge.db";
const LOCK: &str = "axbridge.lock";

/// Durable on every commit while it is opened; once it serves, the flusher sees to that. Checkpoints
/// are spaced so that they cost little (10000 pages of 4 KiB). The writer mostly appends, and nearly
/// each of its commits walks its whole cache of pages (splitting a page lends one a number beyond the
/// end of the file, and the commit drops what is beyond the end): the cache is no larger than batches
/// need.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA wal_autocheckpoint = 10000; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; \
    PRAGMA busy_timeout = 5000;";

/// Prepared statements kept by a connection.
const STATEMENTS_KEPT: usize = 64;

const KEY_CHECK: &str = "key_check";

pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "begin",
        sql: include_str!("../../migrations/sqlite/0001_begin.sql"),
    },
    Migration {
        version: 2,
        name: "calls",
        sql: include_str!("../../migrations/sqlite/0002_calls.sql"),
    },
    Migration {
        version: 3,
        name: "delivery",
        sql: include_str!("../../migrations/sqlite/0003_delivery.sql"),
    },
    Migration {
        version: 4,
        name: "keep",
        sql: include_str!("../../migrations/sqlite/0004_keep.sql"),
    },
    Migration {
        version: 5,
        name: "phone",
        sql: include_str!("../../migrations/sqlite/0005_phone.sql"),
    },
    Migration {
        version: 6,
        name: "places",
        sql: include_str!("../../migrations/sqlite/0006_places.sql"),
    },
    Migration {
        version: 7,
        name: "talk",
        sql: include_str!("../../migrations/sqlite/0007_talk.sql"),
    },
    Migration {
        version: 8,
        name: "private",
        sql: include_str!("../../migrations/sqlite/0008_private.sql"),
    },
    Migration {
        version: 9,
        name: "event_spans",
        sql: include_str!("../../migrations/sqlite/0009_event_spans.sql"),
    },
    Migration {
        version: 11,
        name: "lean",
        sql: include_str!("../../migrations/sqlite/0011_lean.sql"),
    },
];

/// An opened data directory.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) database: PathBuf,
    /// Locked by the operating system for as long as it is open.
    pub(super) lock: File,
}

/// Takes the directory, making it where there is none, and brings the schema up to date.
pub(super) fn open(directory: &Path, keys: &Keyring, now: Timestamp) -> Result<Opened, OpenError> {
    let lock = take(directory)?;
    let database = database_in(directory);
    let fault = |error: rusqlite::Error| {
        let what = format!("{}: {error}", database.display());
        if fault::is_damage(&error) {
            OpenError::Damaged(what)
        } else {
            OpenError::Other(what)
        }
    };
    let mut connection = Connection::open(&database).map_err(fault)?;
    connection.execute_batch(SETTINGS).map_err(fault)?;
    keep_statements(&connection).map_err(fault)?;
    migrate(&mut connection, MIGRATIONS, now, fault)?;
    check_keys(&connection, keys)?;
    drop_leases(&connection).map_err(fault)?;
    Ok(Opened {
        connection,
        database,
        lock,
    })
}

/// Has a connection prepare each statement once. Without the stability guarantee SQLite prepares most
/// of them again at every use, to plan for the values that are bound
/// (`SQLITE_DBCONFIG_ENABLE_QPSG`, <https://www.sqlite.org/queryplanner-ng.html#qpstab>).
pub(super) fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

/// Where the database of a data directory is.
pub(crate) fn database_in(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// Takes the lock; the database is made beside it, so that nobody else may read either.
fn take(directory: &Path) -> Result<File, OpenError> {
    let fault =
        |error: std::io::Error| OpenError::Other(format!("{}: {error}", directory.display()));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(fault)?;
    let private = |name: &str| {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(directory.join(name))
            .map_err(fault)
    };
    let lock = private(LOCK)?;
    match lock.try_lock() {
        Ok(()) => private(DATABASE).map(|_| lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(directory.display().to_string())),
        Err(TryLockError::Error(error)) => Err(fault(error)),
    }
}

pub(super) fn migrate(
    connection: &mut Connection,
    known: &[Migration],
    now: Timestamp,
    fault: impl Fn(rusqlite::Error) -> OpenError,
) -> Result<(), OpenError> {
    const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, \
         name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";
    connection.execute_batch(LEDGER).map_err(&fault)?;
    let applied = applied(connection).map_err(&fault)?;
    for migration in pending(known, &applied)? {
        let mut step = || {
            let transaction = connection.transaction()?;
            transaction.execute_batch(migration.sql)?;
            transaction.execute(
                "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
                params![
                    migration.version,
                    migration.name,
                    migration.checksum(),
                    now.unix_ms()
                ],
            )?;
            transaction.commit()
        };
        step().map_err(&fault)?;
    }
    Ok(())
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    connection
        .prepare("SELECT version, checksum FROM schema_migration ORDER BY version")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Refuses keys that do not belong to this data: with another index key nobody would be found,
/// and bindings would be given twice.
fn check_keys(connection: &Connection, keys: &Keyring) -> Result<(), OpenError> {
    let engine = |error: rusqlite::Error| OpenError::Store(fault::engine(&error));
    let mark = index_mark(keys);
    let stored: Option<Vec<u8>> = connection
        .query_row(
            "SELECT value FROM meta WHERE name = ?1",
            [KEY_CHECK],
            |row| row.get(0),
        )
        .optional()
        .map_err(engine)?;
    match stored {
        None => {
            let sealed = keys.seal(&mark, KEY_CHECK.as_bytes())?;
            connection
                .execute(
                    "INSERT INTO meta (name, value) VALUES (?1, ?2)",
                    params![KEY_CHECK, sealed],
                )
                .map_err(engine)?;
            Ok(())
        }
        Some(sealed) => {
            let opened = keys.open(&sealed, KEY_CHECK.as_bytes())?;
            if opened.as_slice() == mark.as_slice() {
                Ok(())
            } else {
                Err(StoreError::Unreadable("made with another index key".to_owned()).into())
            }
        }
    }
}

/// What the index key makes of a number that nobody has.
fn index_mark(keys: &Keyring) -> Vec<u8> {
    PhoneNumber::parse("13000000000")
        .map(|number| {
            keys.party_key(AccountId::DEFAULT, number)
                .as_bytes()
                .to_vec()
        })
        .unwrap_or_default()
}
