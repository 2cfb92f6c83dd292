//! `EnableOrDisableNumber`: taking numbers out of selection and back in (vendor
//! docs 6358/173343 and 6358/1721260).

use axbridge_app::AppError;
use axbridge_domain::limits;
use axbridge_domain::phone::PhoneNumber;
use serde_json::{Value, json};

use crate::action::{Action, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

const ENABLE: i64 = 1;
const DISABLE: i64 = 2;

const IDS: Kind = Kind::Texts {
    chars_max: 64,
    items_max: limits::NUMBERS_PER_STATE_CALL_MAX,
};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "EnableOrDisableNumber",
    aliases: &[],
    summary: "Enable or disable privacy numbers",
    description: "All of the numbers or, when one is not yours, none. A disabled number is not \
                  selected and its calls are refused, but its bindings stay and route again once \
                  it is enabled. What an operator's key disabled, only an operator's key enables.",
    parameters: &[
        Parameter::optional(
            "NumberList",
            Kind::Numbers {
                items_max: limits::NUMBERS_PER_STATE_CALL_MAX,
            },
            "The numbers, up to 100. This or `Number` is required.",
        ),
        Parameter::optional(
            "Number",
            Kind::Number,
            "A single number, in place of the list.",
        ),
        Parameter::required(
            "EnableCode",
            Kind::Integer {
                min: ENABLE,
                max: DISABLE,
                zero_is_absent: true,
            },
            "1 enables, 2 disables.",
        ),
        Parameter::optional(
            "IdList",
            IDS,
            "Not served: numbers have no ids here, name them in `NumberList`.",
        ),
        Parameter::optional(
            "Id",
            Kind::Text { chars_max: 64 },
            "Not served, as `IdList`.",
        ),
        Parameter::optional(
            "Remark",
            Kind::Text {
                chars_max: limits::REMARK_CHARS_MAX,
            },
            "Why; read and not kept.",
        ),
    ],
    result: ResultShape::Object(&[]),
    errors: &[],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let code: i64 = call.need("EnableCode")?;
    let numbers = numbers(call)?;
    call.app
        .set_numbers_enabled(call.account(), &numbers, code == ENABLE, call.by_operator())
        .await?;
    Ok(json!({}))
}

fn numbers(call: &Call<'_>) -> Result<Vec<PhoneNumber>, CallError> {
    let mut numbers: Vec<PhoneNumber> = call.get("NumberList")?.unwrap_or_default();
    let one: Option<PhoneNumber> = call.get("Number")?;
    numbers.extend(one.filter(|one| !numbers.contains(one)));
    if !numbers.is_empty() {
        return Ok(numbers);
    }
    let ids: Option<Vec<String>> = call.get("IdList")?;
    let id: Option<String> = call.get("Id")?;
    let refused = match (ids, id) {
        (Some(_), _) => "IdList",
        (None, Some(_)) => "Id",
        (None, None) => return Err(CallError::App(AppError::Missing("NumberList"))),
    };
    Err(CallError::App(AppError::invalid(
        refused,
        "numbers have no ids here; name them in NumberList",
    )))
}
