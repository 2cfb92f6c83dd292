//! `CreateTrunk`: a SIP peer over which calls come and go.

use serde_json::Value;

use super::trunk_records::{TRUNK, TRUNK_PARAMETERS, change, trunk};
use crate::action::{Action, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "CreateTrunk",
    aliases: &[],
    summary: "Make a trunk",
    description: "A trunk is a carrier or an exchange that calls come from and go to over SIP. \
                  Every node of the installation uses it within a second; nothing need be \
                  restarted.",
    parameters: TRUNK_PARAMETERS,
    result: ResultShape::Object(TRUNK),
    errors: &[ErrorCode::OperationDenied, ErrorCode::QuotaExceeded],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let name: String = call.need("TrunkName")?;
    let made = call.app.create_trunk(&name, change(call)?).await?;
    Ok(trunk(call.app, &made))
}
