//! `DeleteCallback`: the end of a callback.

use serde_json::{Value, json};

use super::callback_records::{CALLBACK_ID, need_callback_id};
use super::shapes::SUCCESS;
use crate::action::{Action, Permission};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "DeleteCallback",
    aliases: &[],
    summary: "Delete a callback and what is owed to it",
    description: "To keep what is owed, pause it with `SetCallback`.",
    parameters: &[CALLBACK_ID],
    result: SUCCESS,
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    call.app.delete_receiver(need_callback_id(call)?).await?;
    Ok(json!({"Success": true}))
}
