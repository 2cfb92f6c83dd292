//! `ResolveCall`: who would ring, and why, if somebody called X now.

use axbridge_app::AppError;
use axbridge_app::model::{CallQuery, CallRoute};
use axbridge_domain::call::shown_to_callee;
use axbridge_domain::limits;
use axbridge_domain::phone::PhoneNumber;
use serde_json::{Map, Value, json};

use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::answer;
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ResolveCall",
    aliases: &[],
    summary: "Show who would ring if somebody called X now",
    description: "No call is made. `Outcome` is one of: `Connect`, `Callee` rings and sees \
                  `CalleeShowNumber`; `AskExtension`, the caller is asked for an extension; \
                  `Ended`, the caller's binding has ended; `NoBinding`, nobody is bound for this \
                  caller; `NumberDisabled`; `UnknownNumber`, no pool holds X.",
    parameters: &[
        Parameter::required("PhoneNoX", Kind::Number, "The number dialled."),
        Parameter::optional(
            "Caller",
            Kind::Number,
            "Who calls; leave it out for a withheld number.",
        ),
        Parameter::optional(
            "Extension",
            Kind::Text {
                chars_max: limits::EXTENSION_DIGITS_MAX,
            },
            "What the caller keyed when asked for an extension.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new("Outcome", FieldKind::Text, "What becomes of the call."),
        Field::new("Callee", FieldKind::Text, "Who rings.").or_absent(),
        Field::new("CalleeShowNumber", FieldKind::Text, "What the callee sees.").or_absent(),
        Field::new("SubId", FieldKind::Text, "The binding that decided it.").or_absent(),
        Field::new("AccountId", FieldKind::Text, "Whose number X is.").or_absent(),
        Field::new(
            "Announcement",
            FieldKind::Text,
            "What the caller is told when nobody rings.",
        )
        .or_absent(),
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let extension: Option<String> = call.get("Extension")?;
    let extension = extension.map(|text| text.parse()).transpose().map_err(
        |error: axbridge_domain::route::ExtensionError| {
            AppError::invalid("Extension", error.to_string())
        },
    )?;
    let query = CallQuery {
        x: call.need("PhoneNoX")?,
        caller: call.get("Caller")?,
        extension,
    };
    Ok(Value::Object(answer_of(
        call.app.route_call(query).await?,
        query.caller,
    )))
}

fn answer_of(route: CallRoute, caller: Option<PhoneNumber>) -> Map<String, Value> {
    let mut answer = Map::new();
    let mut write = |name: &str, value: Value| {
        answer.insert(name.to_owned(), value);
    };
    write("Outcome", json!(outcome(&route)));
    match &route {
        CallRoute::Connect { binding, callee } => {
            write("Callee", answer::number(*callee));
            let shown = shown_to_callee(binding, *callee, caller);
            write("CalleeShowNumber", answer::number(shown));
            write("SubId", json!(binding.sub_id.to_string()));
            write("AccountId", json!(binding.account.to_string()));
        }
        CallRoute::Ended { sub_id, account } => {
            write("SubId", json!(sub_id.to_string()));
            write("AccountId", json!(account.to_string()));
        }
        CallRoute::NoBinding { account } | CallRoute::NumberDisabled { account } => {
            write("AccountId", json!(account.to_string()));
        }
        CallRoute::AskExtension { .. } | CallRoute::UnknownNumber => {}
    }
    if let Some(announcement) = announcement(&route) {
        write("Announcement", json!(announcement));
    }
    answer
}

const fn outcome(route: &CallRoute) -> &'static str {
    match route {
        CallRoute::Connect { .. } => "Connect",
        CallRoute::AskExtension { .. } => "AskExtension",
        CallRoute::Ended { .. } => "Ended",
        CallRoute::NoBinding { .. } => "NoBinding",
        CallRoute::NumberDisabled { .. } => "NumberDisabled",
        CallRoute::UnknownNumber => "UnknownNumber",
    }
}

const fn announcement(route: &CallRoute) -> Option<&'static str> {
    match route {
        CallRoute::Connect { .. } => None,
        CallRoute::AskExtension { .. } => Some("Please key the extension."),
        CallRoute::Ended { .. } => Some("The service for this number has ended."),
        CallRoute::NoBinding { .. } => Some("You cannot reach anybody by this number."),
        CallRoute::NumberDisabled { .. } => Some("This number is out of service."),
        CallRoute::UnknownNumber => Some("This number does not exist."),
    }
}
