//! `SetFrequencyLimits`: how often a number may call, be called and be bound.

use axbridge_app::AppError;
use axbridge_domain::account::AccountId;
use axbridge_domain::risk::{FrequencyWindow, WindowError};
use serde_json::{Value, json};

use super::risk_parameters::{ACCOUNT_ID, account};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// What both actions of frequency limits answer.
pub(super) const RESULT: &[Field] = &[
    Field::new("AccountId", FieldKind::Text, "The account."),
    Field::new(
        "Windows",
        FieldKind::Texts,
        "The windows, such as `callee:5/3`: a number is called at most 3 times in 5 minutes.",
    ),
];

/// The action.
pub(super) const ACTION: Action = Action {
    name: "SetFrequencyLimits",
    aliases: &[],
    summary: "Set how often a number may call, be called and be bound",
    description: "In place of the windows that the account had; without `Windows` it has none. A \
                  call that a window has no room for is not made and ends with `callResult` 30, a \
                  bind is refused with `PhoneNoARiskFrozen` or `PhoneNoBRiskFrozen`; neither is \
                  counted. Other nodes on the same database follow within a second.",
    parameters: &[
        ACCOUNT_ID,
        Parameter::optional(
            "Windows",
            Kind::Texts {
                chars_max: 32,
                items_max: FrequencyWindow::COUNT_MAX,
            },
            "Each is `minutes/calls`, such as `5/3`, for the calls that a number gets; `caller:` in \
             front counts those that it makes, `bound_as_a:` and `bound_as_b:` its binds.",
        ),
    ],
    result: ResultShape::Object(RESULT),
    errors: &[ErrorCode::OperationDenied],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let account = account(call)?;
    let texts: Vec<String> = call.get("Windows")?.unwrap_or_default();
    let windows = texts
        .iter()
        .map(|text| text.parse::<FrequencyWindow>())
        .collect::<Result<Vec<_>, WindowError>>()
        .map_err(|error| AppError::invalid("Windows", error.to_string()))?;
    call.app.set_frequency_windows(account, &windows).await?;
    Ok(answer_of(account, &windows))
}

/// The answer that shows these windows.
pub(super) fn answer_of(account: AccountId, windows: &[FrequencyWindow]) -> Value {
    let windows: Vec<String> = windows.iter().map(ToString::to_string).collect();
    json!({"AccountId": account.to_string(), "Windows": windows})
}
