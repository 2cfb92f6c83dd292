//! `QueryAudioRecordToTextFileUrl` and its V2: links to the transcripts of calls.

use axbridge_app::AppError;
use axbridge_app::recordings::TranscriptState;
use axbridge_domain::call::CallId;
use axbridge_domain::limits;
use serde_json::{Value, json};

use super::query_audio_record_file_url::CALL_ID_CHARS_MAX;
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

const RECORD: &[Field] = &[
    Field::new("CallId", FieldKind::Text, "The call."),
    Field::new(
        "AudioRecordToTextFileUrl",
        FieldKind::Text,
        "Link to the text; empty unless it is `ready`.",
    ),
    Field::new(
        "Status",
        FieldKind::Text,
        "`ready`; `pending`, ask again later; `failed`; `none`, there is no recording. An axbridge \
         extension.",
    ),
];

/// The action.
pub(super) const ACTION: Action = Action {
    name: "QueryAudioRecordToTextFileUrl",
    aliases: &[],
    summary: "Get links to the transcripts of calls",
    description: "Transcripts are made when the operator configured a transcriber; without one \
                  the answer is `UnsupportedOperation`. Calls that are not the account's are \
                  answered `none`.",
    parameters: &[Parameter::required(
        "CallIdList",
        Kind::Texts {
            chars_max: CALL_ID_CHARS_MAX,
            items_max: limits::CALL_IDS_PER_QUERY_MAX,
        },
        "The calls, up to 100.",
    )],
    result: ResultShape::Records(RECORD),
    errors: &[ErrorCode::UnsupportedOperation],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

/// The same with an object as its result.
pub(super) const ACTION_V2: Action = Action {
    name: "QueryAudioRecordToTextFileUrlV2",
    summary: "Get links to the transcripts of calls, as an object",
    result: ResultShape::Object(&[Field::new(
        "Records",
        FieldKind::Records(RECORD),
        "The calls, in the order of the request.",
    )]),
    handler: |call| Box::pin(run_v2(call)),
    ..ACTION
};

async fn run_v2(call: &Call<'_>) -> Result<Value, CallError> {
    Ok(json!({"Records": run(call).await?}))
}

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let texts: Vec<String> = call.need("CallIdList")?;
    let ids = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            text.parse::<CallId>().map_err(|error| {
                AppError::invalid("CallIdList", format!("entry {}: {error}", index + 1))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let states = call.app.transcripts(call.account(), &ids).await?;
    let records = texts.iter().zip(states).map(|(text, state)| {
        let (status, link) = match state {
            TranscriptState::Ready(link) => ("ready", link),
            TranscriptState::Pending => ("pending", String::new()),
            TranscriptState::Failed => ("failed", String::new()),
            TranscriptState::None => ("none", String::new()),
        };
        json!({"CallId": text, "AudioRecordToTextFileUrl": link, "Status": status})
    });
    Ok(Value::Array(records.collect()))
}
