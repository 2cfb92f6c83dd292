//! `UnbindAXB` and `UnbindAXBV2`: ending a binding (vendor doc 6358/172146).

use axbridge_app::model::BindingRef;
use serde_json::{Value, json};

use super::parameters::{NUMBER_POOL_NO, SUB_ID};
use super::shapes::SUCCESS;
use crate::action::{Action, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action with a bare answer.
pub(super) const ACTION: Action = Action {
    name: "UnbindAXB",
    aliases: &[],
    summary: "End an AX or AXB binding",
    description: "When it answers, no new call routes by the binding; a call in progress goes on. \
                  The X stays closed to other pairs for the quarantine time of its pool, so that \
                  a late redial reaches nobody new. A binding that has ended answers \
                  `SubscriptionEmpty`.",
    parameters: &[NUMBER_POOL_NO, SUB_ID],
    result: ResultShape::True,
    errors: &[ErrorCode::SubscriptionEmpty],
    permission: Permission::Application,
    extension: false,
    handler: |call| {
        Box::pin(async move {
            unbind(call).await?;
            Ok(Value::Bool(true))
        })
    },
};

/// The action with an object for an answer.
pub(super) const ACTION_V2: Action = Action {
    name: "UnbindAXBV2",
    result: SUCCESS,
    handler: |call| {
        Box::pin(async move {
            unbind(call).await?;
            Ok(json!({"Success": true}))
        })
    },
    ..ACTION
};

async fn unbind(call: &Call<'_>) -> Result<(), CallError> {
    let binding = BindingRef {
        account: call.account(),
        pool: Some(call.need("NumberPoolNo")?),
        sub_id: call.need_sub_id("SubId")?,
    };
    Ok(call.app.unbind(binding).await?)
}
