//! `ReplayEvents`: past events once more.

use axbridge_app::AppError;
use axbridge_app::callbacks::Replay;
use serde_json::{Value, json};

use super::callback_records::{
    KIND_NAMES, MOMENT, callback_id, callback_id_or_none, event_kind, moment,
};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ReplayEvents",
    aliases: &[],
    summary: "Send past events of a time again",
    description: "Also those that were delivered, under the same event id, and those from before a \
                  callback was made. What is not finished stays as it is.",
    parameters: &[
        Parameter::required("From", MOMENT, "Events of then and later, in Unix seconds."),
        Parameter::required("To", MOMENT, "Events of before then, in Unix seconds."),
        Parameter::optional(
            "AccountId",
            Kind::Account,
            "Whose events; that of the callback, or the caller's, without it.",
        ),
        callback_id_or_none("To this callback alone; to all of the account without it."),
        Parameter::optional(
            "EventKind",
            Kind::Enumeration(KIND_NAMES),
            "Only events of this kind.",
        ),
    ],
    result: ResultShape::Object(&[Field::new(
        "Deliveries",
        FieldKind::Integer,
        "How many deliveries that makes.",
    )]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let receiver = callback_id(call)?;
    let account = match (call.get("AccountId")?, receiver) {
        (Some(account), _) => account,
        (None, Some(id)) => call.app.receiver(id).await?.account,
        (None, None) => call.account(),
    };
    let replay = Replay {
        account,
        from: moment(call, "From")?.ok_or(AppError::Missing("From"))?,
        to: moment(call, "To")?.ok_or(AppError::Missing("To"))?,
        receiver,
        kind: event_kind(call)?,
    };
    let deliveries = call.app.replay_events(replay).await?;
    Ok(json!({"Deliveries": deliveries}))
}
