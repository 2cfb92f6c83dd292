//! `ListCalls`: the calls that fit a filter, over or not.

use axbridge_app::model::{CallFilter, Page, Paged};
use axbridge_app::records::CallView;
use axbridge_domain::binding::SubId;
use axbridge_domain::call::CallResult;
use axbridge_domain::time::Timestamp;
use serde_json::{Value, json};

use super::call_records::{LISTED_FIELDS, listed};
use super::parameters::{LIMIT, OFFSET};
use super::pool_records::{named_account, reach};
use super::shapes;
use crate::action::{Action, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::arguments::SubIdText;
use crate::call::{Call, CallError};

/// Characters of a node's name.
const NODE_CHARS_MAX: usize = 64;
/// Unix seconds up to the end of the year 9999.
const MOMENT: Kind = Kind::Integer {
    min: 0,
    max: 253_402_300_799,
    zero_is_absent: true,
};
/// The largest number of a call's result.
const CALL_RESULT_MAX: i64 = 35;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ListCalls",
    aliases: &[],
    summary: "List calls, newest first",
    description: "All filters must hold. Calls in progress are listed, too. An application sees \
                  the calls of its account, an operator those of all. `Total` counts no further \
                  than 100,000.",
    parameters: &[
        Parameter::optional(
            "AccountId",
            Kind::Account,
            "Only this account's. Another's only for operators.",
        ),
        Parameter::optional("SubId", Kind::SubId, "Only by this binding."),
        Parameter::optional("PhoneNoX", Kind::Number, "Only to this X."),
        Parameter::optional(
            "Number",
            Kind::Number,
            "Only with this real number as caller, callee, A or B.",
        ),
        Parameter::optional(
            "StartTime",
            MOMENT,
            "Only those that arrived at this moment or later, in Unix seconds.",
        ),
        Parameter::optional(
            "EndTime",
            MOMENT,
            "Only those that arrived before this moment, in Unix seconds.",
        ),
        Parameter::optional(
            "CallResult",
            Kind::Integer {
                min: 1,
                max: CALL_RESULT_MAX,
                zero_is_absent: true,
            },
            "Only those that came out so: [call results](call-results.md).",
        ),
        Parameter::optional(
            "Node",
            Kind::Text {
                chars_max: NODE_CHARS_MAX,
            },
            "Only those that this node carried.",
        ),
        OFFSET,
        LIMIT,
    ],
    result: ResultShape::Object(&shapes::page(FieldKind::Records(LISTED_FIELDS))),
    errors: &[crate::error::ErrorCode::OperationDenied],
    permission: Permission::Application,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let page = call.page()?;
    let found = match filter(call)? {
        Some(filter) => call.app.list_calls(&filter, page).await?,
        None => Paged {
            rows: Vec::new(),
            total: 0,
        },
    };
    Ok(answered(&found, page))
}

/// `None` when nothing can fit.
fn filter(call: &Call<'_>) -> Result<Option<CallFilter>, CallError> {
    let sub_id: Option<SubId> = match call.get("SubId")? {
        None => None,
        Some(SubIdText(Some(sub_id))) => Some(sub_id),
        Some(SubIdText(None)) => return Ok(None),
    };
    let result: Option<i64> = call.get("CallResult")?;
    let moment = |seconds: Option<i64>| seconds.map(Timestamp::from_unix_s);
    Ok(Some(CallFilter {
        account: named_account(call, "AccountId")?.or_else(|| reach(call)),
        sub_id,
        x: call.get("PhoneNoX")?,
        party: call.get("Number")?,
        from: moment(call.get("StartTime")?),
        until: moment(call.get("EndTime")?),
        result: result.and_then(CallResult::from_code),
        node: call.get("Node")?,
    }))
}

fn answered(found: &Paged<CallView>, page: Page) -> Value {
    let records: Vec<Value> = found.rows.iter().map(listed).collect();
    json!({
        "Records": records,
        "Limit": page.limit,
        "Offset": page.offset,
        "Total": found.total,
    })
}
