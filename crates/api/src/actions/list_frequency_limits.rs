//! `ListFrequencyLimits`: how often calls may come.

use serde_json::Value;

use super::risk_parameters::{ACCOUNT_ID, account};
use super::set_frequency_limits::{RESULT, answer_of};
use crate::action::{Action, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ListFrequencyLimits",
    aliases: &[],
    summary: "Show how often a number may call and be called",
    description: "The frequency windows of one account.",
    parameters: &[ACCOUNT_ID],
    result: ResultShape::Object(RESULT),
    errors: &[ErrorCode::OperationDenied],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let account = account(call)?;
    // An account that does not exist has no windows either, and its name may be mistyped.
    call.app.account(account).await?;
    let rules = call.app.risk_rules(account).await?;
    Ok(answer_of(account, &rules.windows))
}
