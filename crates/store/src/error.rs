//! Why the store did not do what was asked.
//!
//! Refusals are decisions (the same request would be refused again); [`StoreError`] is a fault of
//! the moment or of the installation. What a client hears is decided elsewhere.

use axbridge_domain::{binding::SubId, refusal::Refusal};

/// The store could not do its work. Nothing was changed, unless the variant says otherwise.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The engine cannot be reached, refused the commit, or its queue is full. A retry with the
    /// same idempotency key is safe.
    #[error("the store is unavailable ({0}); retry with the same idempotency key")]
    Unavailable(String),
    /// Stored data cannot be read: wrong keys, or damage.
    #[error(
        "stored data cannot be read ({0}); check that the key file belongs to this data, or restore it from a backup"
    )]
    Unreadable(String),
    /// A bug: something the code holds to be impossible.
    #[error("internal store fault: {0}")]
    Internal(String),
}

/// The store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the data directory.
    #[error("{0} is in use by another axbridge; stop it, or name another data directory")]
    InUse(String),
    /// The schema is newer than this program.
    #[error(
        "the database has schema version {found}, this axbridge knows up to {known}; install a newer axbridge"
    )]
    SchemaTooNew {
        /// What the database has.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// A migration that was applied differs from the one in this program.
    #[error(
        "migration {0} in the database differs from the one in this axbridge; this is not the axbridge that made the database"
    )]
    SchemaDiffers(String),
    /// The key file cannot be used.
    #[error("key file {path}: {reason}")]
    Keys {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database file is damaged.
    #[error("the database is damaged ({0})")]
    Damaged(String),
    /// Anything else that stands in the way.
    #[error("{0}")]
    Other(String),
    /// The engine failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a number was not bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindRefusal {
    /// No number of the candidate cities is eligible.
    NoneEligible(Refusal),
    /// The named X cannot be taken.
    Number(NumberRefusal),
    /// The account has no such pool.
    UnknownPool,
    /// The account has as many live bindings as it may.
    LiveBindingQuota,
    /// The idempotency key was used with other parameters.
    IdempotencyMismatch,
    /// The idempotency key is being processed by another request.
    IdempotencyInProgress,
}

/// Why a named X cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberRefusal {
    /// The pool holds no such number.
    NotInPool,
    /// It is disabled.
    Disabled,
    /// A live binding holds one of the routes; `by_ax` when it is the route of any caller.
    Conflict {
        /// The binding that holds it.
        by: SubId,
        /// Whether the route in conflict is that of any caller.
        by_ax: bool,
    },
    /// A route ended too recently with another person behind it.
    Quarantined,
    /// It carries as many live bindings as it may.
    AtCap,
    /// It carries the other kind and one side excludes that.
    KindConflict,
}

/// Why a live binding was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// The account has no such live binding in that pool.
    NoSuchBinding,
    /// The change does not fit the binding's mode (a B for an AX, say).
    WrongMode,
    /// A and B would be the same, or equal X.
    SameNumber,
    /// The new routes cannot be taken.
    Number(NumberRefusal),
    /// The idempotency key was used with other parameters.
    IdempotencyMismatch,
    /// The idempotency key is being processed by another request.
    IdempotencyInProgress,
}

/// Why one line of an import was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportRefusal {
    /// The number is in another pool (of this or another account).
    InAnotherPool,
    /// The number is here already, with another city.
    OtherCity,
    /// It would exceed the account's quota of numbers.
    Quota,
}

/// Why a number was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteRefusal {
    /// The pool holds no such number.
    NotInPool,
    /// Live bindings are on it.
    CarriesBindings,
}
