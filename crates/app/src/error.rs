//! Why a use case was refused, in the domain's words. The API maps these to codes and statuses.

use axbridge_domain::{phone::PhoneNumber, refusal::Refusal, risk::TooFrequent};
use axbridge_store::error::{BindRefusal, ChangeRefusal, NumberRefusal, StoreError};

/// A refusal or a fault of a use case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// A parameter that this request needs is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter's value will not do.
    #[error("{parameter} is invalid: {why}")]
    Invalid {
        /// The parameter, as the API names it.
        parameter: &'static str,
        /// What is wrong, and what would do.
        why: String,
    },
    /// The resource is in use, or the account lacks a permission.
    #[error("denied: {0}")]
    Denied(String),
    /// An account quota is exhausted.
    #[error("{0} has exceeded the quota")]
    Quota(&'static str),
    /// The idempotency key was used with other parameters.
    #[error("the idempotency key was used with other parameters")]
    IdempotencyMismatch,
    /// The idempotency key is being processed.
    #[error("a request with this idempotency key is being processed")]
    IdempotencyInProgress,
    /// A dry run came to its end: it would have bound this number.
    #[error("dry run")]
    DryRun(PhoneNumber),
    /// No number is eligible.
    #[error("no eligible number: {0}")]
    NumberNotEnough(Refusal),
    /// X is not a number of the pool.
    #[error("X is not a number of this pool")]
    IllegalX,
    /// X is disabled.
    #[error("X is disabled")]
    BlockedX,
    /// A live binding stands in the way.
    #[error("conflict: {0}")]
    Conflict(String),
    /// X was somebody else's too recently.
    #[error("X is in quarantine")]
    Quarantined,
    /// X carries as many bindings as it may.
    #[error("X is at its cap of live bindings")]
    AtCap,
    /// A is on the blacklist and may not be bound.
    #[error("A is frozen by risk control")]
    FrozenA,
    /// B is on the blacklist and may not be bound.
    #[error("B is frozen by risk control")]
    FrozenB,
    /// One of the numbers was bound as often as a window of the account allows.
    #[error("bound too often: {}", crate::risk::window_text(.0.window))]
    BoundTooOften(TooFrequent),
    /// There is no recording, for the reason that is said.
    #[error("no recording: {0}")]
    NoRecording(String),
    /// The recording is not ready yet.
    #[error("the recording is not ready yet")]
    RecordingNotReady,
    /// The link was not made here, or was changed.
    #[error("the link is not one of this server")]
    LinkInvalid,
    /// The link's time is over.
    #[error("the link has expired")]
    LinkExpired,
    /// There is no such live binding.
    #[error("no such binding")]
    NoSuchBinding,
    /// The binding's mode does not allow it.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// Only an AX can be upgraded.
    #[error("not an AX")]
    NotAnAx,
    /// The store is down or overloaded; nothing was changed, or a retry with the same idempotency
    /// key finds out.
    #[error("temporarily unavailable: {0}")]
    Unavailable(String),
    /// A bug or damaged data. The text is for the log alone.
    #[error("internal: {0}")]
    Internal(String),
}

impl AppError {
    /// A parameter whose value will not do.
    pub fn invalid(parameter: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid {
            parameter,
            why: why.into(),
        }
    }

    /// The cause's name in metrics.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            AppError::Missing(_) => "missing_parameter",
            AppError::Invalid { .. } => "invalid_parameter",
            AppError::Denied(_) => "denied",
            AppError::Quota(_) => "quota",
            AppError::IdempotencyMismatch => "idempotency_mismatch",
            AppError::IdempotencyInProgress => "idempotency_in_progress",
            AppError::DryRun(_) => "dry_run",
            AppError::NumberNotEnough(_) => "number_not_enough",
            AppError::IllegalX => "illegal_x",
            AppError::BlockedX => "blocked_x",
            AppError::Conflict(_) => "conflict",
            AppError::Quarantined => "quarantined",
            AppError::AtCap => "at_cap",
            AppError::FrozenA => "frozen_a",
            AppError::FrozenB => "frozen_b",
            AppError::BoundTooOften(_) => "bound_too_often",
            AppError::NoRecording(_) => "no_recording",
            AppError::RecordingNotReady => "recording_not_ready",
            AppError::LinkInvalid => "link_invalid",
            AppError::LinkExpired => "link_expired",
            AppError::NoSuchBinding => "no_such_binding",
            AppError::Unsupported(_) => "unsupported",
            AppError::NotAnAx => "not_an_ax",
            AppError::Unavailable(_) => "unavailable",
            AppError::Internal(_) => "internal",
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => AppError::Unavailable(why),
            StoreError::Unreadable(_) | StoreError::Internal(_) => {
                AppError::Internal(error.to_string())
            }
        }
    }
}

impl From<NumberRefusal> for AppError {
    fn from(refusal: NumberRefusal) -> Self {
        match refusal {
            NumberRefusal::NotInPool => AppError::IllegalX,
            NumberRefusal::Disabled => AppError::BlockedX,
            NumberRefusal::Conflict { by, by_ax: true } => {
                AppError::Conflict(format!("X is the AX number of binding {by}"))
            }
            NumberRefusal::Conflict { by, by_ax: false } => AppError::Conflict(format!(
                "binding {by} holds this X for one of the two parties"
            )),
            NumberRefusal::Quarantined => AppError::Quarantined,
            NumberRefusal::AtCap => AppError::AtCap,
            NumberRefusal::KindConflict => {
                AppError::Conflict("AxConflictAxbFlag keeps AX and AXB apart on this X".to_owned())
            }
        }
    }
}

impl From<BindRefusal> for AppError {
    fn from(refusal: BindRefusal) -> Self {
        match refusal {
            BindRefusal::NoneEligible(refusal) => AppError::NumberNotEnough(refusal),
            BindRefusal::Number(refusal) => refusal.into(),
            BindRefusal::UnknownPool => unknown_pool(),
            BindRefusal::LiveBindingQuota => AppError::Quota("Live bindings of this account"),
            BindRefusal::IdempotencyMismatch => AppError::IdempotencyMismatch,
            BindRefusal::IdempotencyInProgress => AppError::IdempotencyInProgress,
        }
    }
}

impl From<ChangeRefusal> for AppError {
    fn from(refusal: ChangeRefusal) -> Self {
        match refusal {
            ChangeRefusal::NoSuchBinding => AppError::NoSuchBinding,
            ChangeRefusal::WrongMode => AppError::Unsupported(
                "an AX has no B; UpgradeAXToAXB makes an AXB of it".to_owned(),
            ),
            ChangeRefusal::SameNumber => {
                AppError::invalid("PhoneNoB", "A, B and X must be three different numbers")
            }
            ChangeRefusal::Number(refusal) => refusal.into(),
            ChangeRefusal::IdempotencyMismatch => AppError::IdempotencyMismatch,
            ChangeRefusal::IdempotencyInProgress => AppError::IdempotencyInProgress,
        }
    }
}

pub(crate) fn unknown_pool() -> AppError {
    AppError::invalid(
        "NumberPoolNo",
        "this account has no such pool; NumberPoolList lists its pools",
    )
}
