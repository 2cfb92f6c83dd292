//! `QuerySubscription`: one binding, live or ended.

use axbridge_app::model::BindingRef;
use serde_json::Value;

use super::parameters::{NUMBER_POOL_NO_FILTER, SUB_ID};
use super::subscription;
use crate::action::{Action, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "QuerySubscription",
    aliases: &[],
    summary: "Show one binding",
    description: "Ended bindings are shown with `Status` 0 until their retention ends.",
    parameters: &[SUB_ID, NUMBER_POOL_NO_FILTER],
    result: ResultShape::Object(subscription::FIELDS),
    errors: &[ErrorCode::SubscriptionEmpty],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let binding = BindingRef {
        account: call.account(),
        pool: call.get("NumberPoolNo")?,
        sub_id: call.need_sub_id("SubId")?,
    };
    let view = call.app.binding(binding).await?;
    Ok(subscription::shown(&view))
}
