//! `ListTrunks`: the trunks there are.

use serde_json::{Value, json};

use super::trunk_records::TRUNK;
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ListTrunks",
    aliases: &[],
    summary: "List trunks",
    description: "By name, without their passwords.",
    parameters: &[Parameter::optional(
        "TrunkName",
        Kind::Text { chars_max: 32 },
        "Only this one.",
    )],
    result: ResultShape::Object(&[Field::new(
        "Records",
        FieldKind::Records(TRUNK),
        "The trunks.",
    )]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let records = match call.get::<String>("TrunkName")? {
        Some(name) => vec![call.app.trunk(&name).await?],
        None => call.app.list_trunks().await?,
    };
    let records: Vec<Value> = records
        .iter()
        .map(|record| super::trunk_records::trunk(call.app, record))
        .collect();
    Ok(json!({"Records": records}))
}
