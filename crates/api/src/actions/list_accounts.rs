//! `ListAccounts`: the tenants and what they may do.

use serde_json::Value;

use super::account_records::{ACCOUNT, LIMIT, account, one_page};
use super::parameters::OFFSET;
use crate::action::{Action, Field, FieldKind, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ListAccounts",
    aliases: &[],
    summary: "List accounts and what they may do",
    description: "`CreateAccessKey` with an `AccountName` makes another one.",
    parameters: &[OFFSET, LIMIT],
    result: ResultShape::Object(&[
        Field::new(
            "Records",
            FieldKind::Records(ACCOUNT),
            "The accounts of this page, by id.",
        ),
        Field::new("Limit", FieldKind::Integer, "As asked for."),
        Field::new("Offset", FieldKind::Integer, "As asked for."),
        Field::new("Total", FieldKind::Integer, "How many accounts there are."),
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let accounts = call.app.list_accounts().await?;
    Ok(one_page(&accounts, call.page()?, account))
}
