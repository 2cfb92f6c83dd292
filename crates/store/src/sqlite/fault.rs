//! What can go wrong inside a batch, and what it means for the batch.

use rusqlite::ErrorCode;

use crate::error::StoreError;

/// Why a request of a batch came to nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// Only this request: it has not written anything yet, and the batch goes on without it.
    Request(StoreError),
    /// The whole batch: it is undone.
    Batch(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Request(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Batch(engine(&error))
    }
}

/// The engine failed: SQLite's text names columns and files, never values.
pub(super) fn engine(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => {
            StoreError::Unreadable("a column holds what it should not".to_owned())
        }
        other if is_damage(other) => StoreError::Unreadable(format!("SQLite: {other}")),
        other => StoreError::Unavailable(format!("SQLite: {other}")),
    }
}

/// Whether the file itself is damaged, which no retry mends.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// The store was closed.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// A stored value that makes no sense.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Unreadable(what.to_owned())
}

/// Whether a COMMIT that failed so has certainly committed nothing. After an I/O error the
/// outcome is unknown: the frames may be in the log although they were not reported durable.
pub(super) fn certainly_not_committed(error: &rusqlite::Error) -> bool {
    let certain = [
        ErrorCode::DatabaseBusy,
        ErrorCode::DatabaseLocked,
        ErrorCode::DiskFull,
        ErrorCode::ReadOnly,
        ErrorCode::ConstraintViolation,
        ErrorCode::OutOfMemory,
    ];
    error
        .sqlite_error_code()
        .is_some_and(|code| certain.contains(&code))
}
