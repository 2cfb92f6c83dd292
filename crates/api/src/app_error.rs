//! What a client hears when the application refuses. The one place where the
//! application's reasons become codes.

use axbridge_app::{AppError, risk::window_text};
use axbridge_domain::risk::{Counted, TooFrequent};

use crate::actions::china_time;
use crate::call::CallError;
use crate::error::{ApiError, ErrorCode};

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::App(error) => error.into(),
            CallError::Api(error) => error,
        }
    }
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Missing(parameter) => Self::missing_parameter(parameter),
            AppError::Invalid { parameter, why } => Self::new(ErrorCode::InvalidParameter)
                .with_argument(parameter)
                .with_detail(why),
            AppError::Denied(why) => Self::operation_denied(why),
            AppError::Quota(what) => Self::quota_exceeded(what),
            AppError::IdempotencyMismatch => Self::new(ErrorCode::IdempotentParameterMismatch)
                .with_detail("use a new ClientToken for a new request"),
            AppError::IdempotencyInProgress => Self::operation_denied(
                "a request with this ClientToken is being processed; try again in a moment",
            ),
            // The number that it would have been stays unsaid: it is not held, and the next
            // request may well get another.
            AppError::DryRun(_) => Self::new(ErrorCode::DryRunOperation),
            AppError::NumberNotEnough(refusal) => {
                Self::business(ErrorCode::NumberNotEnough, refusal.to_string())
            }
            AppError::IllegalX => Self::business(
                ErrorCode::IllegalPhoneNoX,
                "X is not a number of this pool; NumberList lists its numbers",
            ),
            AppError::BlockedX => Self::business(
                ErrorCode::BlockNumber,
                "enable it with EnableOrDisableNumber, or take another X",
            ),
            AppError::Conflict(why) => Self::business(ErrorCode::ConflictWithExisting, why),
            AppError::Quarantined => Self::business(
                ErrorCode::PhoneNoXOccupied,
                "X served somebody else a short time ago and is in quarantine; take another X, \
                 or wait",
            ),
            AppError::AtCap => Self::business(
                ErrorCode::ExceedMaxBindCount,
                "X carries as many live bindings as its pool allows; take another X",
            ),
            AppError::FrozenA => Self::business(
                ErrorCode::PhoneNoARiskFrozen,
                "A is on this account's blacklist for binding as A (Type 5)",
            ),
            AppError::FrozenB => Self::business(
                ErrorCode::PhoneNoBRiskFrozen,
                "B is on this account's blacklist for binding as B (Type 6)",
            ),
            AppError::BoundTooOften(full) => bound_too_often(full),
            AppError::NoRecording(why) => Self::new(ErrorCode::RecordingNotFound).with_detail(why),
            AppError::RecordingNotReady => Self::new(ErrorCode::RecordingNotReady)
                .with_detail("ask again after the call has ended, or wait for its event"),
            AppError::LinkInvalid => Self::new(ErrorCode::LinkInvalid)
                .with_detail("use the link as QueryAudioRecordFileUrl gave it"),
            AppError::LinkExpired => Self::new(ErrorCode::LinkExpired)
                .with_detail("ask for a new one with QueryAudioRecordFileUrl"),
            AppError::NoSuchBinding => Self::business(
                ErrorCode::SubscriptionEmpty,
                "the SubId is unknown, belongs to another pool or account, or has ended",
            ),
            AppError::Unsupported(why) => Self::business(ErrorCode::UnsupportedOperation, why),
            AppError::NotAnAx => Self::business(
                ErrorCode::UpgradeError,
                "the binding has a B already; only an AX can be upgraded",
            ),
            AppError::Unavailable(log) => Self::unavailable(log),
            AppError::Internal(log) => Self::internal(log),
        }
    }
}

/// A or B was bound as often as a window of the account allows.
fn bound_too_often(full: TooFrequent) -> ApiError {
    let code = match full.window.counted() {
        Counted::BoundAsA => ErrorCode::PhoneNoARiskFrozen,
        _ => ErrorCode::PhoneNoBRiskFrozen,
    };
    let (why, free_at) = (window_text(full.window), china_time(full.free_at));
    ApiError::business(
        code,
        format!("it was {why}, as often as it may be, until {free_at}"),
    )
}

#[cfg(test)]
mod tests {
    use axbridge_domain::city::CityCode;
    use axbridge_domain::city_order::Tier;
    use axbridge_domain::phone::PhoneNumber;
    use axbridge_domain::refusal::{Refusal, Tally};

    use super::*;

    #[test]
    fn a_refused_selection_says_how_the_numbers_of_each_place_stand() {
        let beijing = CityCode::parse("010").expect("a city");
        let tally = Tally {
            total: 3,
            disabled: 1,
            held_by_a: 2,
            ..Tally::default()
        };
        let refusal = Refusal {
            places: vec![(Tier::City(beijing), tally)],
        };
        let error = ApiError::from(AppError::NumberNotEnough(refusal));
        assert_eq!(
            error.message(),
            "There are not enough numbers. City 010: 3 numbers, 1 disabled, 2 held by A."
        );
    }

    #[test]
    fn a_fault_is_for_the_log_alone() {
        for error in [
            AppError::Internal("row 7 is damaged".to_owned()),
            AppError::Unavailable("disk full".to_owned()),
        ] {
            let log = error.to_string();
            let error = ApiError::from(error);
            let kept = error.log().expect("a text for the log");
            assert!(log.ends_with(kept));
            assert!(!error.message().contains(kept));
        }
    }

    #[test]
    fn a_dry_run_names_no_number() {
        let x = PhoneNumber::parse("17000000000").expect("a number");
        let error = ApiError::from(AppError::DryRun(x));
        assert_eq!(
            error.message(),
            "The request is validated by a dryrun operation."
        );
    }
}
