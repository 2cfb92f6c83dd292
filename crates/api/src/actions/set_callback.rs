//! `SetCallback`: where the events of an account go.

use axbridge_app::AppError;
use axbridge_app::callbacks::{
    CA_CHARS_MAX, ReceiverChange, TOKEN_CHARS_MAX, URL_CHARS_MAX, kinds_from,
};
use axbridge_domain::account::AccountId;
use serde_json::Value;

use super::callback_records::{CALLBACK, KIND_NAMES, callback, callback_id, callback_id_or_none};
use crate::action::{Action, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "SetCallback",
    aliases: &[],
    summary: "Make or change a callback: where events of an account go",
    description: "Without `CallbackId` it makes one, with it it changes that one; what is left out \
                  stays as it is. The URL must be https and public, unless the operator's settings \
                  allow otherwise. The guide on callbacks says how messages are signed and \
                  retried.",
    parameters: &[
        callback_id_or_none("The callback to change; leave it out to make one."),
        Parameter::optional(
            "AccountId",
            Kind::Account,
            "Whose events a new one gets; the caller's account's without it.",
        ),
        Parameter::optional(
            "Url",
            Kind::Text {
                chars_max: URL_CHARS_MAX,
            },
            "Where messages go; a new one needs it. A query that it has is kept.",
        ),
        Parameter::optional(
            "EventKinds",
            Kind::Texts {
                chars_max: 32,
                items_max: KIND_NAMES.len(),
            },
            "Which events: `call_status`, `call_record`, `recording`, `number_status`, `risk`, \
             `binding`, `recording_failed`. A new one gets all without it.",
        ),
        Parameter::optional(
            "AuthToken",
            Kind::Text {
                chars_max: TOKEN_CHARS_MAX,
            },
            "The token that signs, 10 to 20 characters; made at random for a new one.",
        ),
        Parameter::optional(
            "CaCertificates",
            Kind::FreeText {
                chars_max: CA_CHARS_MAX,
            },
            "PEM: trust this certificate authority alone. `system` goes back to the system's.",
        ),
        Parameter::optional(
            "Paused",
            Kind::Boolean,
            "Stop sending, or go on; what happens meanwhile is kept for later.",
        ),
    ],
    result: ResultShape::Object(CALLBACK),
    errors: &[ErrorCode::QuotaExceeded],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let kinds: Option<Vec<String>> = call.get("EventKinds")?;
    let ca_pem: Option<String> = call.get("CaCertificates")?;
    let is_system = |pem: &String| pem.eq_ignore_ascii_case("system");
    let change = ReceiverChange {
        url: call.get("Url")?,
        kinds: kinds.as_deref().map(kinds_from).transpose()?,
        token: call.get("AuthToken")?,
        ca_pem: ca_pem.map(|pem| if is_system(&pem) { String::new() } else { pem }),
        paused: call.get("Paused")?,
    };
    let account: Option<AccountId> = call.get("AccountId")?;
    let receiver = match callback_id(call)? {
        Some(id) => {
            if account.is_some() {
                let why = "a callback stays with its account; make another one";
                return Err(CallError::App(AppError::invalid("AccountId", why)));
            }
            call.app.update_receiver(id, change).await?
        }
        None => {
            let account = account.unwrap_or_else(|| call.account());
            call.app.create_receiver(account, change).await?
        }
    };
    Ok(callback(&receiver))
}
