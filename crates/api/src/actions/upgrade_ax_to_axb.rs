//! `UpgradeAXToAXB`: giving an AX its counterpart (vendor doc 6358/1722693).

use axbridge_app::bindings::UpgradeRequest;
use axbridge_app::model::BindingRef;
use serde_json::Value;

use super::binding::{
    self, CALL_DISPLAY_TYPE, CLIENT_TOKEN, IDEMPOTENT_ID, OUT_ID, PHONE_NO_B, UPGRADED_FIELDS,
    USER_DATA,
};
use super::parameters::{NUMBER_POOL_NO, SUB_ID};
use crate::action::{Action, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "UpgradeAXToAXB",
    aliases: &[],
    summary: "Turn an AX into an AXB on the same privacy number",
    description: "The AX ends and an AXB on the same X takes its place, in one step: there is no \
                  moment without a binding, and a refusal leaves the AX as it was. The AXB has a \
                  new `SubId`. What is not sent is taken from the AX, its `ExpireTime` always.",
    parameters: &[
        NUMBER_POOL_NO,
        SUB_ID,
        Parameter {
            required: true,
            doc: "B, the counterpart.",
            ..PHONE_NO_B
        },
        USER_DATA,
        OUT_ID,
        CALL_DISPLAY_TYPE,
        CLIENT_TOKEN,
        IDEMPOTENT_ID,
    ],
    result: ResultShape::Object(UPGRADED_FIELDS),
    errors: &[
        ErrorCode::SubscriptionEmpty,
        ErrorCode::UpgradeError,
        ErrorCode::BlockNumber,
        ErrorCode::ConflictWithExisting,
        ErrorCode::PhoneNoXOccupied,
        ErrorCode::ExceedMaxBindCount,
        ErrorCode::OperationDenied,
        ErrorCode::IdempotentParameterMismatch,
    ],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let request = UpgradeRequest {
        action: call.action.name,
        ax: BindingRef {
            account: call.account(),
            pool: Some(call.need("NumberPoolNo")?),
            sub_id: call.need_sub_id("SubId")?,
        },
        b: call.need("PhoneNoB")?,
        display: binding::display(call)?,
        user_data: call.get("UserData")?,
        out_id: call.get("OutId")?,
        idempotency_key: binding::idempotency_key(call)?,
    };
    let view = call.app.upgrade(request).await?;
    Ok(binding::upgraded(&view))
}
