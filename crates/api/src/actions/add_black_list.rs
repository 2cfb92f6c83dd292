//! `AddBlackList`: keeping a number from being bound or called (vendor doc 6358/1393019).

use axbridge_app::AppError;
use axbridge_app::risk::FreezeRequest;
use axbridge_domain::limits;
use axbridge_domain::risk::FreezeTime;
use serde_json::{Value, json};

use super::risk_parameters::{
    CUSTOMER_NUMBER, SERVICE_TYPE, SUB_SERVICE_TYPE, TYPE, number_and_restriction,
};
use crate::action::{Action, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "AddBlackList",
    aliases: &[],
    summary: "Put a number on the blacklist",
    description: "The entry holds in the key's account, in the one respect that `Type` names, \
                  from the next request on; bindings and calls that stand go on. An entry on the \
                  same number and `Type` is replaced. A bind that it forbids is answered \
                  `PhoneNoARiskFrozen` or `PhoneNoBRiskFrozen`; a call that it forbids ends with \
                  `callResult` 23 to 26, or 29 for `Type` 1.",
    parameters: &[
        CUSTOMER_NUMBER,
        SERVICE_TYPE,
        SUB_SERVICE_TYPE,
        TYPE,
        Parameter::required(
            "FreezeTime",
            Kind::Integer {
                min: 12,
                max: 29,
                zero_is_absent: true,
            },
            "For how long: 12 is 30 days, 13 is 90, 14 is 180, 15 is 360, 29 is until it is \
             deleted.",
        ),
        Parameter::required(
            "Remark",
            Kind::Text {
                chars_max: limits::REMARK_CHARS_MAX,
            },
            "Why; shown in events and lists.",
        ),
    ],
    result: ResultShape::Word("success"),
    errors: &[],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let (number, restriction) = number_and_restriction(call)?;
    let freeze_time = FreezeTime::from_code(call.need("FreezeTime")?).ok_or_else(|| {
        CallError::App(AppError::invalid(
            "FreezeTime",
            "FreezeTime must be 12, 13, 14, 15 or 29",
        ))
    })?;
    let request = FreezeRequest {
        account: call.account(),
        number,
        restriction,
        freeze_time,
        service_type: code(call, "ServiceType")?,
        sub_service_type: code(call, "SubServiceType")?,
        remark: call.need("Remark")?,
        made_by: call.caller.access_key.clone(),
    };
    call.app.freeze(request).await?;
    Ok(json!("success"))
}

fn code(call: &Call<'_>, name: &'static str) -> Result<i32, CallError> {
    let code: i64 = call.need(name)?;
    Ok(i32::try_from(code).unwrap_or(i32::MAX))
}
