//! `DisableAccessKey`: making a key useless, for good.

use serde_json::{Value, json};

use super::shapes::SUCCESS;
use crate::action::{Action, Kind, Parameter, Permission};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "DisableAccessKey",
    aliases: &[],
    summary: "Disable an access key for good",
    description: "Requests that it signs are refused from now on; other nodes on the same database \
                  may take it for a moment longer. The last operator key cannot be disabled.",
    parameters: &[Parameter::required(
        "AccessKeyId",
        Kind::Text { chars_max: 64 },
        "The key's id.",
    )],
    result: SUCCESS,
    errors: &[ErrorCode::OperationDenied],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let id: String = call.need("AccessKeyId")?;
    call.app.disable_access_key(&id).await?;
    Ok(json!({"Success": true}))
}
