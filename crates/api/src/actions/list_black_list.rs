//! `ListBlackList`: the entries of an account.

use axbridge_app::model::Paged;
use axbridge_app::risk::{RiskEntry, RiskFilter};
use serde_json::{Map, Value, json};

use super::parameters::{LIMIT, OFFSET};
use super::query_can_call::moment;
use super::risk_parameters::{ACCOUNT_ID, account, restriction};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::answer;
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

const RECORD: &[Field] = &[
    Field::new("Id", FieldKind::Text, "The entry's id, as events show it."),
    Field::new("CustomerNumber", FieldKind::Text, "The number."),
    Field::new("Type", FieldKind::Integer, "What it is kept from."),
    Field::new("TypeName", FieldKind::Text, "The same in words."),
    Field::new("FreezeTime", FieldKind::Integer, "For how long, as a code."),
    Field::new("ServiceType", FieldKind::Integer, "As it was made."),
    Field::new("SubServiceType", FieldKind::Integer, "As it was made."),
    Field::new("Remark", FieldKind::Text, "Why."),
    Field::new("StartTime", FieldKind::Text, "Since when, China's time."),
    Field::new(
        "ExpiryTime",
        FieldKind::Text,
        "Until when; 2099-12-31 23:59:59 stands for an entry that must be deleted.",
    ),
    Field::new(
        "EndTime",
        FieldKind::Text,
        "When it was deleted, replaced or expired, if it was.",
    )
    .or_absent(),
    Field::new("CreatorId", FieldKind::Text, "The access key that made it."),
];

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ListBlackList",
    aliases: &[],
    summary: "List blacklist entries",
    description: "Newest first. Entries that ended are kept half a year.",
    parameters: &[
        ACCOUNT_ID,
        Parameter::optional("CustomerNumber", Kind::Number, "Only on this number."),
        Parameter::optional(
            "Type",
            Kind::Integer {
                min: 1,
                max: 10,
                zero_is_absent: true,
            },
            "Only of this type.",
        ),
        Parameter::optional("StandingOnly", Kind::Boolean, "Only those that hold now.").or("true"),
        OFFSET,
        LIMIT,
    ],
    result: ResultShape::Object(&[
        Field::new(
            "Records",
            FieldKind::Records(RECORD),
            "The entries of this page.",
        ),
        Field::new("Limit", FieldKind::Integer, "As asked for."),
        Field::new("Offset", FieldKind::Integer, "As asked for."),
        Field::new("Total", FieldKind::Integer, "How many match in all."),
    ]),
    errors: &[ErrorCode::OperationDenied],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let page = call.page()?;
    let code: Option<i64> = call.get("Type")?;
    let filter = RiskFilter {
        number: call.get("CustomerNumber")?,
        restriction: code.map(restriction).transpose()?,
        standing_only: call.need("StandingOnly")?,
    };
    let found: Paged<RiskEntry> = call.app.blacklist(account(call)?, &filter, page).await?;
    let records: Vec<Value> = found.rows.iter().map(record).collect();
    Ok(json!({
        "Records": records,
        "Limit": page.limit,
        "Offset": page.offset,
        "Total": found.total,
    }))
}

fn record(entry: &RiskEntry) -> Value {
    let made = &entry.made;
    let mut record = Map::new();
    let mut write = |name: &str, value: Value| record.insert(name.to_owned(), value);
    write("Id", json!(made.id.to_string()));
    write("CustomerNumber", answer::number(made.number));
    write("Type", json!(made.restriction.code()));
    write("TypeName", json!(made.restriction.name()));
    write("FreezeTime", json!(made.freeze_time.code()));
    write("ServiceType", json!(made.service_type));
    write("SubServiceType", json!(made.sub_service_type));
    write("Remark", json!(made.remark));
    write("StartTime", json!(moment(entry.started_at)));
    write("ExpiryTime", json!(moment(entry.expires_at)));
    if let Some(ended_at) = entry.ended_at {
        write("EndTime", json!(moment(ended_at)));
    }
    write("CreatorId", json!(made.made_by));
    Value::Object(record)
}
