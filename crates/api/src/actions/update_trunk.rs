//! `UpdateTrunk`: other terms for a trunk.

use serde_json::Value;

use super::trunk_records::{TRUNK, TRUNK_PARAMETERS, change, trunk};
use crate::action::{Action, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "UpdateTrunk",
    aliases: &[],
    summary: "Change a trunk",
    description: "What is left out stays as it is; what is sent empty is emptied. Calls in \
                  progress go on as they are. Other nodes follow within a second.",
    parameters: TRUNK_PARAMETERS,
    result: ResultShape::Object(TRUNK),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let name: String = call.need("TrunkName")?;
    let changed = call.app.update_trunk(&name, change(call)?).await?;
    Ok(trunk(call.app, &changed))
}
