//! `QueryAudioRecordFileUrl`: links to a call's recording (vendor doc
//! 6358/173365).

use std::time::Duration;

use axbridge_app::AppError;
use axbridge_domain::call::{CallId, CallIdError};
use serde_json::{Value, json};

use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The longest that a link may hold: a week.
const LINK_S_MAX: i64 = 7 * 24 * 3600;

/// Characters of a call's id, and some more.
pub(super) const CALL_ID_CHARS_MAX: usize = 64;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "QueryAudioRecordFileUrl",
    aliases: &[],
    summary: "Get links to a call's recording",
    description: "The links need no signature of their own and hold until the Unix second in \
                  their `x-expires`. The mixed file holds both voices; the left one the caller's, \
                  the right one the callee's. All are WAV, 8 kHz, 16 bit.",
    parameters: &[
        Parameter::required(
            "CallId",
            Kind::Text {
                chars_max: CALL_ID_CHARS_MAX,
            },
            "The call, as events and records name it.",
        ),
        Parameter::optional(
            "ExpireTime",
            Kind::Integer {
                min: 1,
                max: LINK_S_MAX,
                zero_is_absent: true,
            },
            "How long the links hold, in seconds; 6 hours if not set otherwise.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new(
            "AudioRecordFileUrl",
            FieldKind::Text,
            "Link to the mixed file.",
        ),
        Field::new(
            "AudioRecordLeftFileUrl",
            FieldKind::Text,
            "Link to the caller's voice.",
        ),
        Field::new(
            "AudioRecordRightFileUrl",
            FieldKind::Text,
            "Link to the callee's voice.",
        ),
    ]),
    errors: &[
        ErrorCode::RecordingNotFound,
        ErrorCode::RecordingNotReady,
        ErrorCode::UnsupportedOperation,
    ],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let text: String = call.need("CallId")?;
    let id: CallId = text
        .parse()
        .map_err(|error: CallIdError| AppError::invalid("CallId", error.to_string()))?;
    let seconds: Option<i64> = call.get("ExpireTime")?;
    let expires_in = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let expires_in = expires_in.map(Duration::from_secs);
    let links = call
        .app
        .recording_links(call.account(), id, expires_in)
        .await?;
    Ok(json!({
        "AudioRecordFileUrl": links.mixed,
        "AudioRecordLeftFileUrl": links.left,
        "AudioRecordRightFileUrl": links.right,
    }))
}
