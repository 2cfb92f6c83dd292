//! `UploadPrompt`, `ListPrompts` and `DeletePrompt`: what callers hear before they are connected.

use axbridge_app::AppError;
use axbridge_app::model::PromptRow;
use axbridge_app::prompts::PROMPT_CODE_CHARS_MAX;
use axbridge_domain::account::AccountId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// Characters of a file in base64. The body's own limit is mostly the smaller.
const AUDIO_CHARS_MAX: usize = 12 * 1024 * 1024;
/// Bytes of a prompt's sound in a millisecond.
const BYTES_PER_MS: u64 = 8;

const VOICE_CODE: Parameter = Parameter::required(
    "VoiceCode",
    Kind::Text {
        chars_max: PROMPT_CODE_CHARS_MAX,
    },
    "The prompt's code, by which bindings name it.",
);

const ACCOUNT_ID: Parameter = Parameter::optional(
    "AccountId",
    Kind::Account,
    "Whose it is; the account of the key that asks if absent.",
);

const PROMPT: &[Field] = &[
    Field::new("VoiceCode", FieldKind::Text, "Its code."),
    Field::new("Milliseconds", FieldKind::Integer, "How long it is."),
    Field::new(
        "CreateTime",
        FieldKind::Integer,
        "When it was uploaded, in Unix seconds.",
    ),
];

/// `UploadPrompt`.
pub(super) const UPLOAD: Action = Action {
    name: "UploadPrompt",
    aliases: &[],
    summary: "Keep a prompt that callers hear before they are connected",
    description: "WAV or MP3, up to two minutes; it is kept as G.711. A prompt of the same code is \
                  replaced. The file must fit into a request: with the usual http.body_bytes_max \
                  about 180 kB, which is 45 seconds of MP3 at 32 kbit/s.",
    parameters: &[
        VOICE_CODE,
        Parameter::required(
            "Audio",
            Kind::Text {
                chars_max: AUDIO_CHARS_MAX,
            },
            "The file, in base64.",
        ),
        ACCOUNT_ID,
    ],
    result: ResultShape::Object(PROMPT),
    errors: &[ErrorCode::QuotaExceeded],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(upload(call)),
};

/// `ListPrompts`.
pub(super) const LIST: Action = Action {
    name: "ListPrompts",
    aliases: &[],
    summary: "List the prompts of an account",
    description: "By code, without their sound.",
    parameters: &[ACCOUNT_ID],
    result: ResultShape::Object(&[Field::new(
        "Records",
        FieldKind::Records(PROMPT),
        "The prompts.",
    )]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(list(call)),
};

/// `DeletePrompt`.
pub(super) const DELETE: Action = Action {
    name: "DeletePrompt",
    aliases: &[],
    summary: "Remove a prompt",
    description: "Bindings that name it connect without it.",
    parameters: &[VOICE_CODE, ACCOUNT_ID],
    result: ResultShape::True,
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(delete(call)),
};

fn account(call: &Call<'_>) -> Result<AccountId, CallError> {
    Ok(call.get("AccountId")?.unwrap_or_else(|| call.account()))
}

fn record(row: &PromptRow) -> Value {
    json!({
        "VoiceCode": row.code,
        "Milliseconds": row.bytes / BYTES_PER_MS,
        "CreateTime": row.created_at.unix_s(),
    })
}

async fn upload(call: &Call<'_>) -> Result<Value, CallError> {
    let code: String = call.need("VoiceCode")?;
    let audio: String = call.need("Audio")?;
    let file = STANDARD
        .decode(audio.trim())
        .map_err(|_| CallError::App(AppError::invalid("Audio", "it is a file in base64")))?;
    let kept = call.app.keep_prompt(account(call)?, &code, file).await?;
    Ok(record(&kept))
}

async fn list(call: &Call<'_>) -> Result<Value, CallError> {
    let rows = call.app.list_prompts(account(call)?).await?;
    Ok(json!({"Records": rows.iter().map(record).collect::<Vec<_>>()}))
}

async fn delete(call: &Call<'_>) -> Result<Value, CallError> {
    let code: String = call.need("VoiceCode")?;
    call.app.remove_prompt(account(call)?, &code).await?;
    Ok(Value::Bool(true))
}
