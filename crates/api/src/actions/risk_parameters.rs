//! Parameters that the actions of risk control share, and how they are read.

use axbridge_app::AppError;
use axbridge_domain::account::AccountId;
use axbridge_domain::phone::PhoneNumber;
use axbridge_domain::risk::Restriction;

use super::pool_records::named_account;
use crate::action::{Kind, Parameter};
use crate::call::{Call, CallError};

/// Codes of services; any that the vendor knows is taken, since an entry holds for all of them.
const SERVICE_CODE: Kind = Kind::Integer {
    min: 1,
    max: 9999,
    zero_is_absent: true,
};

/// The number that an entry is about.
pub(super) const CUSTOMER_NUMBER: Parameter = Parameter::required(
    "CustomerNumber",
    Kind::Number,
    "The number, in clear digits.",
);

/// `ServiceType` of an entry.
pub(super) const SERVICE_TYPE: Parameter = Parameter::required(
    "ServiceType",
    SERVICE_CODE,
    "200, privacy numbers. Kept and shown; an entry holds whatever the service.",
);

/// `SubServiceType` of an entry.
pub(super) const SUB_SERVICE_TYPE: Parameter = Parameter::required(
    "SubServiceType",
    SERVICE_CODE,
    "Such as 201, AX and AXB. Kept and shown, as `ServiceType`.",
);

/// `Type` of an entry.
pub(super) const TYPE: Parameter = Parameter::required(
    "Type",
    Kind::Integer {
        min: 1,
        max: 10,
        zero_is_absent: true,
    },
    "What the number is kept from: 1 being called at all; 5 being bound as A; 6 being bound as B; \
     7 being called as B by A; 8 calling B as A; 9 calling A as B (or as anybody who dials X); \
     10 being called as A.",
);

/// Whose list an operator asks about.
pub(super) const ACCOUNT_ID: Parameter = Parameter::optional(
    "AccountId",
    Kind::Account,
    "The account; that of the key when it is left out.",
);

/// The account that the request is about.
///
/// # Errors
/// `OperationDenied` for another's account.
pub(super) fn account(call: &Call<'_>) -> Result<AccountId, CallError> {
    Ok(named_account(call, "AccountId")?.unwrap_or_else(|| call.account()))
}

/// What `Type` names.
///
/// # Errors
/// `InvalidParameter` for a number that is none.
pub(super) fn restriction(code: i64) -> Result<Restriction, CallError> {
    Restriction::from_code(code).ok_or_else(|| {
        CallError::App(AppError::invalid(
            "Type",
            "Type must be 1, 5, 6, 7, 8, 9 or 10",
        ))
    })
}

/// `CustomerNumber` and `Type` of an entry.
///
/// # Errors
/// `InvalidParameter`.
pub(super) fn number_and_restriction(
    call: &Call<'_>,
) -> Result<(PhoneNumber, Restriction), CallError> {
    Ok((
        call.need("CustomerNumber")?,
        restriction(call.need("Type")?)?,
    ))
}
