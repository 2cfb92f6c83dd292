//! `TestTrunk`: whether the peers of a trunk are there.

use serde_json::{Value, json};

use super::trunk_records::TRUNK_NAME;
use crate::action::{Action, Field, FieldKind, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "TestTrunk",
    aliases: &[],
    summary: "Ask each peer of a trunk whether it is there",
    description: "Sends OPTIONS from the node that answers this request, which must speak SIP. \
                  Any answer counts, also a refusal: it shows that the peer is reached.",
    parameters: &[TRUNK_NAME],
    result: ResultShape::Object(&[Field::new(
        "Records",
        FieldKind::Records(&[
            Field::new("Peer", FieldKind::Text, "The peer, as host:port."),
            Field::new("Answers", FieldKind::Boolean, "Whether it answered."),
            Field::new("Status", FieldKind::Integer, "The status of its answer.").or_absent(),
            Field::new("Reason", FieldKind::Text, "Why there was no answer.").or_absent(),
            Field::new("Milliseconds", FieldKind::Integer, "How long it took."),
        ]),
        "The peers.",
    )]),
    errors: &[ErrorCode::OperationDenied],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let name: String = call.need("TrunkName")?;
    let answers = call.app.test_trunk(&name).await?;
    let records: Vec<Value> = answers
        .into_iter()
        .map(|answer| match answer.status {
            Ok(status) => json!({
                "Peer": answer.peer, "Answers": true, "Status": status,
                "Milliseconds": answer.ms,
            }),
            Err(reason) => json!({
                "Peer": answer.peer, "Answers": false, "Reason": reason,
                "Milliseconds": answer.ms,
            }),
        })
        .collect();
    Ok(json!({"Records": records}))
}
