//! `ListAccessKeys`: the keys there are, without their secrets.

use serde_json::Value;

use super::account_records::{KEY, LIMIT, key, one_page};
use super::parameters::OFFSET;
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ListAccessKeys",
    aliases: &[],
    summary: "List access keys",
    description: "Keys that were disabled are listed too. Secrets are shown only when a key is \
                  made.",
    parameters: &[
        Parameter::optional("AccountId", Kind::Account, "Only this account's."),
        OFFSET,
        LIMIT,
    ],
    result: ResultShape::Object(&[
        Field::new("Records", FieldKind::Records(KEY), "The keys of this page."),
        Field::new("Limit", FieldKind::Integer, "As asked for."),
        Field::new("Offset", FieldKind::Integer, "As asked for."),
        Field::new("Total", FieldKind::Integer, "How many keys match in all."),
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let keys = call.app.list_access_keys(call.get("AccountId")?).await?;
    Ok(one_page(&keys, call.page()?, key))
}
