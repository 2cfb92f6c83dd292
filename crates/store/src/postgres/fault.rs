//! What can go wrong on the way to the database, sorted by what to do about it.

use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, SqlState};

use crate::error::StoreError;

/// What keeps the ids of an account's bindings apart. They are drawn, so another draw will do.
const BINDING_KEY: &str = "binding_pkey";

/// A failure inside an operation.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine rolled back because of others (deadlock, serialisation): do it again.
    Again(String),
    /// The connection went before COMMIT was sent: nothing stands, do it again on another one.
    Lost(String),
    /// The connection went during COMMIT: look at what stands before saying anything.
    Unknown(String),
    /// Nothing to be done here.
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(_) => unavailable("all connections to PostgreSQL are busy"),
            PoolError::Closed => unavailable("the store is closed"),
            other => unavailable(&format!("connection to PostgreSQL: {other}")),
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return Fault::Lost(with_causes(&error));
        };
        let text = describe(db);
        let code = db.code();
        if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
        {
            return Fault::Again(text);
        }
        if *code == SqlState::UNIQUE_VIOLATION && db.constraint() == Some(BINDING_KEY) {
            return Fault::Again("a binding's id is taken".to_owned());
        }
        if ends_session(code) {
            return Fault::Lost(text);
        }
        match &code.code()[..2] {
            // Data exceptions, broken constraints, wrong SQL: ours.
            "22" | "23" | "42" => Fault::Store(StoreError::Internal(text)),
            _ => Fault::Store(StoreError::Unavailable(text)),
        }
    }
}

/// What became of a COMMIT that answered with an error.
pub(super) fn commit_fault(error: tokio_postgres::Error) -> Fault {
    match error.as_db_error() {
        Some(db) if !ends_session(db.code()) => error.into(),
        _ => Fault::Unknown(format!("COMMIT was not answered: {}", with_causes(&error))),
    }
}

/// The driver's words with what is behind them: "error connecting" alone helps nobody.
fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut text = format!("connection to PostgreSQL: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

pub(super) fn unavailable(text: &str) -> Fault {
    Fault::Store(StoreError::Unavailable(text.to_owned()))
}

/// The session is over, or the server is one that takes no writes any more (a primary that was
/// demoted): another connection may do.
fn ends_session(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || code.starts_with("57P") || matches!(code, "25006" | "25P03")
}

/// The engine's words without the values that its details may quote.
fn describe(db: &DbError) -> String {
    match &db.code().code()[..2] {
        "22" | "23" => format!(
            "PostgreSQL error {} {}",
            db.code().code(),
            db.constraint().unwrap_or_default()
        ),
        _ => format!("PostgreSQL error {}: {}", db.code().code(), db.message()),
    }
}

/// How often an operation was tried, and whether it may be tried again.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    again: u32,
    lost: u32,
}

impl Attempts {
    const AGAIN_MAX: u32 = 12;
    const LOST_MAX: u32 = 4;

    /// Waits a moment when another try makes sense.
    ///
    /// # Errors
    /// What to answer when it does not.
    pub(super) async fn after(&mut self, fault: Fault) -> Result<(), StoreError> {
        let (count, max, text) = match fault {
            Fault::Again(text) => (&mut self.again, Self::AGAIN_MAX, text),
            Fault::Lost(text) => (&mut self.lost, Self::LOST_MAX, text),
            Fault::Unknown(text) => return Err(StoreError::Unavailable(text)),
            Fault::Store(error) => return Err(error),
        };
        if *count >= max {
            return Err(StoreError::Unavailable(text));
        }
        *count += 1;
        tokio::time::sleep(Duration::from_millis(1 << (*count).min(6))).await;
        Ok(())
    }
}
