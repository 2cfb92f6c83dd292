//! `TestCallback`: one message now, with everything that went there and came back.

use axbridge_app::AppError;
use serde_json::{Value, json};

use super::callback_records::{CALLBACK_ID, KIND_NAMES, event_kind, need_callback_id};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::callbacks::{render, sample};

/// The most characters of an answer's body that are shown.
const ANSWER_CHARS_MAX: usize = 4096;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "TestCallback",
    aliases: &[],
    summary: "Send a made-up message to a callback and show what came back",
    description: "It is signed as a real one and sent once, also to a paused callback. The numbers \
                  in it belong to nobody.",
    parameters: &[
        CALLBACK_ID,
        Parameter::optional(
            "EventKind",
            Kind::Enumeration(KIND_NAMES),
            "What the message is; the first kind that the callback gets without it.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new("Delivered", FieldKind::Boolean, "Whether a 2xx came back."),
        Field::new("RequestUrl", FieldKind::Text, "The URL with its signature."),
        Field::new(
            "EventIdHeader",
            FieldKind::Text,
            "The id header that was sent.",
        ),
        Field::new("RequestBody", FieldKind::Text, "The body that was sent."),
        Field::new("Status", FieldKind::Integer, "The answer's status.").or_absent(),
        Field::new("AnswerBody", FieldKind::Text, "The beginning of its body.").or_absent(),
        Field::new("Problem", FieldKind::Text, "Why no answer came.").or_absent(),
        Field::new(
            "TookMs",
            FieldKind::Integer,
            "How long it took, in milliseconds.",
        ),
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let receiver = call.app.receiver(need_callback_id(call)?).await?;
    let kind = event_kind(call)?.or_else(|| receiver.kinds.iter().next());
    let now = call.app.clock().now();
    let message = kind
        .and_then(|kind| sample(kind, receiver.account, now))
        .ok_or_else(|| AppError::Internal("no sample can be made".to_owned()))?;
    let tested = call.app.test_receiver(&receiver, render(&message)).await?;
    let mut answer = json!({
        "Delivered": tested.answer.as_ref().is_ok_and(|it| (200..300).contains(&it.status)),
        "RequestUrl": tested.url,
        "EventIdHeader": format!("{}: {}", tested.header.0, tested.header.1),
        "RequestBody": String::from_utf8_lossy(&tested.body),
        "TookMs": tested.took_ms,
    });
    match tested.answer {
        Ok(back) => {
            let body = String::from_utf8_lossy(&back.body);
            let body: String = body.chars().take(ANSWER_CHARS_MAX).collect();
            answer["Status"] = back.status.into();
            answer["AnswerBody"] = body.into();
        }
        Err(problem) => answer["Problem"] = problem.into(),
    }
    Ok(answer)
}
