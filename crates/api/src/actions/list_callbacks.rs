//! `ListCallbacks`: where events go.

use serde_json::Value;

use super::account_records::{LIMIT, one_page};
use super::callback_records::{CALLBACK, callback};
use super::parameters::OFFSET;
use super::shapes::page;
use crate::action::{Action, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ListCallbacks",
    aliases: &[],
    summary: "List callbacks, with their tokens",
    description: "Oldest first.",
    parameters: &[
        Parameter::optional("AccountId", Kind::Account, "Only those of this account."),
        OFFSET,
        LIMIT,
    ],
    result: ResultShape::Object(&page(FieldKind::Records(CALLBACK))),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let receivers = call.app.list_receivers(call.get("AccountId")?).await?;
    Ok(one_page(&receivers, call.page()?, callback))
}
