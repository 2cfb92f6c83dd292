//! `QueryCallRecordMsg` and `QueryCallRecordMsgV2`: the records of calls that are over.

use axbridge_app::records::CallView;
use axbridge_domain::call::CallId;
use axbridge_domain::limits;
use serde_json::{Value, json};

use super::call_records::{self, FIELDS, FIELDS_V2};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

/// Characters of a call's id as a client may send it. Ours are shorter.
const CALL_ID_CHARS_MAX: usize = 128;

const CALL_ID_LIST: Parameter = Parameter::required(
    "CallIdList",
    Kind::Texts {
        chars_max: CALL_ID_CHARS_MAX,
        items_max: limits::CALL_IDS_PER_QUERY_MAX,
    },
    "The calls, by the ids that events and records name.",
);

/// The action.
pub(super) const ACTION: Action = Action {
    name: "QueryCallRecordMsg",
    aliases: &[],
    summary: "Read the records of calls",
    description: "In the order asked for. Calls that are unknown, another account's, or not over \
                  yet are left out.",
    parameters: &[CALL_ID_LIST],
    result: ResultShape::Records(FIELDS),
    errors: &[],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

/// The action that answers everything there is.
pub(super) const ACTION_V2: Action = Action {
    name: "QueryCallRecordMsgV2",
    summary: "Read the records of calls in full",
    result: ResultShape::Object(&[Field::new(
        "Records",
        FieldKind::Records(FIELDS_V2),
        "The records.",
    )]),
    handler: |call| Box::pin(run_v2(call)),
    ..ACTION
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let found = records(call).await?;
    Ok(found.iter().map(call_records::shown).collect())
}

async fn run_v2(call: &Call<'_>) -> Result<Value, CallError> {
    let found = records(call).await?;
    let records: Vec<Value> = found.iter().map(call_records::shown_v2).collect();
    Ok(json!({ "Records": records }))
}

async fn records(call: &Call<'_>) -> Result<Vec<CallView>, CallError> {
    let asked: Vec<String> = call.need("CallIdList")?;
    let mut ids: Vec<CallId> = Vec::with_capacity(asked.len());
    for text in asked {
        // What cannot be an id of ours is a call that there is not.
        if let Ok(id) = text.parse()
            && !ids.contains(&id)
        {
            ids.push(id);
        }
    }
    let found = call.app.calls_by_ids(Some(call.account()), &ids).await?;
    let found = found.into_iter();
    Ok(found.filter(|view| view.call.end.is_some()).collect())
}
