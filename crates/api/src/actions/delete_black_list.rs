//! `DeleteBlackList`: taking a number off the blacklist (vendor doc 6358/1393039).

use axbridge_app::AppError;
use serde_json::{Value, json};

use super::risk_parameters::{
    CUSTOMER_NUMBER, SERVICE_TYPE, SUB_SERVICE_TYPE, TYPE, number_and_restriction,
};
use crate::action::{Action, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "DeleteBlackList",
    aliases: &[],
    summary: "Take a number off the blacklist",
    description: "It ends the entry of the key's account on this number and `Type`, whatever \
                  service it was made for. Without such an entry it is `InvalidParameter`.",
    parameters: &[CUSTOMER_NUMBER, SERVICE_TYPE, SUB_SERVICE_TYPE, TYPE],
    result: ResultShape::Word("success"),
    errors: &[],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let (number, restriction) = number_and_restriction(call)?;
    let account = call.account();
    if call.app.unfreeze(account, number, restriction).await? {
        return Ok(json!("success"));
    }
    Err(CallError::App(AppError::invalid(
        "CustomerNumber",
        "this number is not on the account's blacklist with this Type",
    )))
}
