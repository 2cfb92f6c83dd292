//! `QuerySubscriptionForList`: the bindings that fit a filter.

use axbridge_app::bind::BindingView;
use axbridge_app::model::{BindingFilter, Page, Paged};
use axbridge_domain::binding::SubId;
use axbridge_domain::limits;
use axbridge_domain::phone::PhoneNumber;
use serde_json::{Value, json};

use super::parameters::{LIMIT, NUMBER_POOL_NO_FILTER, OFFSET};
use super::{shapes, subscription};
use crate::action::{Action, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::arguments::SubIdText;
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "QuerySubscriptionForList",
    aliases: &[],
    summary: "List bindings, newest first",
    description: "All filters must hold. `EnableTime` and `ExpireTime` of the records are \
                  numbers when the request's body is a form, and text when it is JSON, because \
                  that is what the two generations of clients read.",
    parameters: &[
        NUMBER_POOL_NO_FILTER,
        Parameter::optional("SubId", Kind::SubId, "Only this binding."),
        Parameter::optional("PhoneNoA", Kind::Number, "Only with this A."),
        Parameter::optional("PhoneNoB", Kind::Number, "Only with this B."),
        Parameter::optional("PhoneNoX", Kind::Number, "Only with this X."),
        Parameter::optional(
            "PhoneNoY",
            Kind::Number,
            "Only with this Y, which no AX or AXB has.",
        ),
        Parameter::optional("Number", Kind::Number, "Only with this number in any role."),
        Parameter::optional(
            "OutId",
            Kind::Text {
                chars_max: limits::OUT_ID_CHARS_MAX,
            },
            "Only with this business id.",
        ),
        Parameter::optional(
            "Status",
            Kind::Integer {
                min: 0,
                max: 2,
                zero_is_absent: false,
            },
            "0: only unbound or expired. 1: only bound. 2: only abnormal, of which there are none.",
        ),
        OFFSET,
        LIMIT,
    ],
    result: ResultShape::Object(&shapes::page(FieldKind::Records(
        subscription::RECORD_FIELDS,
    ))),
    errors: &[],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let page = call.page()?;
    let found = match filter(call)? {
        Some(filter) => {
            let app = call.app;
            app.list_bindings(call.account(), &filter, page).await?
        }
        None => Paged {
            rows: Vec::new(),
            total: 0,
        },
    };
    Ok(answered(call, &found, page))
}

/// `None` when nothing can fit.
fn filter(call: &Call<'_>) -> Result<Option<BindingFilter>, CallError> {
    let live = match call.get::<i64>("Status")? {
        None => None,
        Some(0) => Some(false),
        Some(1) => Some(true),
        Some(_) => return Ok(None),
    };
    if call.get::<PhoneNumber>("PhoneNoY")?.is_some() {
        return Ok(None);
    }
    let sub_id: Option<SubId> = match call.get("SubId")? {
        None => None,
        Some(SubIdText(Some(sub_id))) => Some(sub_id),
        Some(SubIdText(None)) => return Ok(None),
    };
    Ok(Some(BindingFilter {
        pool: call.get("NumberPoolNo")?,
        a: call.get("PhoneNoA")?,
        b: call.get("PhoneNoB")?,
        x: call.get("PhoneNoX")?,
        any_role: call.get("Number")?,
        sub_id,
        out_id: call.get("OutId")?,
        live,
    }))
}

fn answered(call: &Call<'_>, found: &Paged<BindingView>, page: Page) -> Value {
    let times_as_text = call.wants_times_as_text();
    let rows = found.rows.iter();
    let records: Vec<Value> = rows
        .map(|view| subscription::listed(view, times_as_text))
        .collect();
    json!({
        "Records": records,
        "Limit": page.limit,
        "Offset": page.offset,
        "Total": found.total,
    })
}
