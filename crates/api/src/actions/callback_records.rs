//! What the actions about callbacks and events share.

use axbridge_app::AppError;
use axbridge_app::callbacks::{DeliveryRow, EventRow, Receiver};
use axbridge_domain::delivery::{EventKind, ReceiverId};
use axbridge_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::action::{Field, FieldKind, Kind, Parameter};
use crate::call::{Call, CallError};

/// The names of all kinds of events.
pub(super) const KIND_NAMES: &[&str] = &[
    EventKind::CallStatus.name(),
    EventKind::CallRecord.name(),
    EventKind::Recording.name(),
    EventKind::NumberStatus.name(),
    EventKind::Risk.name(),
    EventKind::Binding.name(),
    EventKind::RecordingFailed.name(),
];

/// `CallbackId` as it is written: `CB` and 16 hex digits.
const ID: Kind = Kind::Text { chars_max: 18 };

/// A moment in Unix seconds, no later than times are written in ten digits.
pub(super) const MOMENT: Kind = Kind::Integer {
    min: 1,
    max: 9_999_999_999,
    zero_is_absent: true,
};

/// A moment that the call names, if it names one.
pub(super) fn moment(call: &Call<'_>, name: &'static str) -> Result<Option<Timestamp>, CallError> {
    let seconds: Option<i64> = call.get(name)?;
    Ok(seconds.map(Timestamp::from_unix_s))
}

/// `CallbackId` of a callback.
pub(super) const CALLBACK_ID: Parameter =
    Parameter::required("CallbackId", ID, "The callback: `CB` and 16 hex digits.");

/// `CallbackId` where it may be left out.
pub(super) const fn callback_id_or_none(doc: &'static str) -> Parameter {
    Parameter::optional("CallbackId", ID, doc)
}

/// A callback as answers show it.
pub(super) const CALLBACK: &[Field] = &[
    Field::new("CallbackId", FieldKind::Text, "Its id."),
    Field::new("AccountId", FieldKind::Text, "Whose events it gets."),
    Field::new("Url", FieldKind::Text, "Where they go."),
    Field::new("EventKinds", FieldKind::Texts, "Which ones."),
    Field::new(
        "AuthToken",
        FieldKind::Text,
        "The token that signs them: the receiver needs it.",
    ),
    Field::new(
        "PinnedCa",
        FieldKind::Boolean,
        "Whether only the given authority is trusted, and not the system's.",
    ),
    Field::new("Paused", FieldKind::Boolean, "Whether sending is paused."),
    Field::new(
        "CreateTime",
        FieldKind::Integer,
        "When it was made, in Unix seconds.",
    ),
];

/// A callback as answers show it.
pub(super) fn callback(receiver: &Receiver) -> Value {
    let kinds: Vec<&str> = receiver.kinds.iter().map(EventKind::name).collect();
    json!({
        "CallbackId": receiver.id.to_string(),
        "AccountId": receiver.account.to_string(),
        "Url": receiver.url,
        "EventKinds": kinds,
        "AuthToken": receiver.token.reveal(),
        "PinnedCa": receiver.ca_pem.is_some(),
        "Paused": receiver.paused,
        "CreateTime": receiver.created_at.unix_s(),
    })
}

/// The callback that the call names, if it names one.
pub(super) fn callback_id(call: &Call<'_>) -> Result<Option<ReceiverId>, CallError> {
    let text: Option<String> = call.get("CallbackId")?;
    let read = |text: String| {
        text.parse::<ReceiverId>()
            .map_err(|error| AppError::invalid("CallbackId", error.to_string()))
    };
    Ok(text.map(read).transpose()?)
}

/// The callback that the call must name.
pub(super) fn need_callback_id(call: &Call<'_>) -> Result<ReceiverId, CallError> {
    callback_id(call)?.ok_or(CallError::App(AppError::Missing("CallbackId")))
}

/// The kind of events that the call names, if it names one.
pub(super) fn event_kind(call: &Call<'_>) -> Result<Option<EventKind>, CallError> {
    let name: Option<&'static str> = call.get("EventKind")?;
    Ok(name.and_then(EventKind::from_name))
}

/// An event as answers show it.
pub(super) const EVENT: &[Field] = &[
    Field::new("EventId", FieldKind::Integer, "Its place in the outbox."),
    Field::new("AccountId", FieldKind::Text, "Whose it is."),
    Field::new(
        "Topic",
        FieldKind::Text,
        "What happened, such as `call.ended`.",
    ),
    Field::new(
        "Subject",
        FieldKind::Text,
        "The id of what it is about: a binding, a call, a blacklist entry; or the number X.",
    ),
    Field::new("EventTime", FieldKind::Integer, "When, in Unix seconds."),
    Field::new(
        "Deliveries",
        FieldKind::Records(&[
            Field::new("CallbackId", FieldKind::Text, "To whom."),
            Field::new(
                "State",
                FieldKind::Text,
                "`waiting` for an earlier event of the same subject, `due`, `delivered`, `parked` \
                 (given up after three days), `stale` (call status older than five minutes).",
            ),
            Field::new("Failures", FieldKind::Integer, "How many tries failed."),
            Field::new(
                "Time",
                FieldKind::Integer,
                "The next try, or when it was finished; Unix seconds.",
            ),
            Field::new("Status", FieldKind::Integer, "The last answer's status.").or_absent(),
            Field::new("Problem", FieldKind::Text, "Why the last try had none.").or_absent(),
        ]),
        "How its deliveries stand; empty when no callback subscribed to it.",
    ),
];

/// An event as answers show it.
pub(super) fn event(row: &EventRow) -> Value {
    let deliveries: Vec<Value> = row.deliveries.iter().map(delivery).collect();
    json!({
        "EventId": row.event.id,
        "AccountId": row.event.account.to_string(),
        "Topic": row.event.topic.name(),
        "Subject": row.event.subject,
        "EventTime": row.event.at.unix_s(),
        "Deliveries": deliveries,
    })
}

fn delivery(row: &DeliveryRow) -> Value {
    let mut record = json!({
        "CallbackId": row.receiver.to_string(),
        "State": row.state.name(),
        "Failures": row.failures,
        "Time": row.at.unix_s(),
    });
    if let Some(status) = row.status {
        record["Status"] = status.into();
    }
    if let Some(note) = &row.note {
        record["Problem"] = note.as_str().into();
    }
    record
}
