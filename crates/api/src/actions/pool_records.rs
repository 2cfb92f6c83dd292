//! What the pool actions share: kinds of pools on the wire, whose pools a key
//! may touch, and a pool as answers show it.

use axbridge_app::AppError;
use axbridge_domain::account::AccountId;
use axbridge_domain::limits;
use axbridge_domain::pool::{CityFallback, Policy, Pool, PoolKind};
use serde_json::{Map, Value, json};

use crate::action::{Field, FieldKind, Kind, Parameter};
use crate::call::{Call, CallError};

/// `ServiceType` of calls that mask no number; its pools are not served.
const VOICE: i64 = 100;
/// `ServiceType` of privacy numbers.
pub(super) const PRIVACY_NUMBERS: i64 = 200;
/// What people call the latter.
pub(super) const PRIVACY_NUMBERS_NAME: &str = "privacy numbers";

/// A service or sub-service code, where zero stands for unset.
pub(super) const ANY_CODE: Kind = Kind::Integer {
    min: 1,
    max: i64::MAX,
    zero_is_absent: true,
};

/// `Name` of a pool.
pub(super) const NAME: Parameter = Parameter::required(
    "Name",
    Kind::Text {
        chars_max: limits::POOL_NAME_CHARS_MAX,
    },
    "The pool's name, up to 32 characters. Two pools may share one.",
);

/// `Scene` of a pool.
pub(super) const SCENE: Parameter = Parameter::optional(
    "Scene",
    Kind::Text {
        chars_max: limits::REMARK_CHARS_MAX,
    },
    "What the pool is used for, in your words.",
);

/// How a pool chooses and reuses its numbers, as answers show it.
pub(super) const RULES: [Field; 5] = [
    Field::new(
        "Policy",
        FieldKind::Text,
        "Which eligible number a binding gets: `protect`, `pack`, `spread` or `random`.",
    ),
    Field::new(
        "CityFallback",
        FieldKind::Text,
        "Whether the whole pool is tried when a default city is exhausted: `any` or `none`.",
    ),
    Field::new(
        "QuarantineSeconds",
        FieldKind::Integer,
        "How long an ended binding's X stays closed to other pairs.",
    ),
    Field::new(
        "QuarantineMinSeconds",
        FieldKind::Integer,
        "The shortest such time, when nothing else is eligible.",
    ),
    Field::new(
        "BindingsPerNumberMax",
        FieldKind::Integer,
        "The most live bindings on one number.",
    ),
];

/// Names of the policies.
pub(super) const POLICIES: Kind = Kind::Enumeration(&[
    Policy::Protect.name(),
    Policy::Pack.name(),
    Policy::Spread.name(),
    Policy::Random.name(),
]);

/// Names of the fallbacks.
pub(super) const CITY_FALLBACKS: Kind =
    Kind::Enumeration(&[CityFallback::Any.name(), CityFallback::None.name()]);

/// The kind of pool that `ServiceType` and `SubServiceType` name.
///
/// # Errors
/// `InvalidParameter` for a service type that does not exist,
/// `UnsupportedOperation` for kinds that are not served.
pub(super) fn kind_of(service_type: i64, sub_service_type: i64) -> Result<PoolKind, CallError> {
    check_service_type(service_type)?;
    PoolKind::from_code(sub_service_type).ok_or_else(|| {
        let why = "SubServiceType must be 201 (AX and AXB), 202 (AXN), 203 (AXNE), 204 (AXYB) or \
                   206 (AXG); other kinds are not served";
        CallError::App(AppError::Unsupported(why.to_owned()))
    })
}

/// Checks that a service type exists and is served.
///
/// # Errors
/// As [`kind_of`].
pub(super) fn check_service_type(service_type: i64) -> Result<(), CallError> {
    match service_type {
        PRIVACY_NUMBERS => Ok(()),
        VOICE => Err(CallError::App(AppError::Unsupported(
            "pools of service type 100 (voice) are not served; use 200, privacy numbers".to_owned(),
        ))),
        _ => Err(CallError::App(AppError::invalid(
            "ServiceType",
            "ServiceType must be 200, privacy numbers",
        ))),
    }
}

/// Whose pools the key may touch: its own account's, or any for an operator.
pub(super) fn reach(call: &Call<'_>) -> Option<AccountId> {
    (!call.by_operator()).then(|| call.account())
}

/// The account that a request is about: the one it names, which only operators
/// may do for another, or else the key's own.
///
/// # Errors
/// `OperationDenied` for another's account.
pub(super) fn named_account(
    call: &Call<'_>,
    parameter: &'static str,
) -> Result<Option<AccountId>, CallError> {
    let named: Option<AccountId> = call.get(parameter)?;
    match named {
        Some(other) if !call.by_operator() && other != call.account() => {
            Err(CallError::App(AppError::Denied(format!(
                "{parameter} names another account; only an operator's key may do that"
            ))))
        }
        named => Ok(named),
    }
}

/// Writes a pool's rules into a record.
pub(super) fn write_rules(record: &mut Map<String, Value>, pool: &Pool) {
    let rules = &pool.rules;
    let mut write = |name: &str, value: Value| record.insert(name.to_owned(), value);
    write("Policy", json!(rules.policy.name()));
    write("CityFallback", json!(rules.city_fallback.name()));
    write("QuarantineSeconds", json!(rules.quarantine_ms / 1000));
    write(
        "QuarantineMinSeconds",
        json!(rules.quarantine_min_ms / 1000),
    );
    write("BindingsPerNumberMax", json!(rules.bindings_per_number_max));
}
