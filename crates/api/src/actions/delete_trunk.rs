//! `DeleteTrunk`: the end of a trunk.

use serde_json::Value;

use super::trunk_records::TRUNK_NAME;
use crate::action::{Action, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "DeleteTrunk",
    aliases: &[],
    summary: "Remove a trunk",
    description: "No call comes or goes over it any more, on any node within a second; calls in \
                  progress go on.",
    parameters: &[TRUNK_NAME],
    result: ResultShape::True,
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let name: String = call.need("TrunkName")?;
    call.app.remove_trunk(&name).await?;
    Ok(Value::Bool(true))
}
