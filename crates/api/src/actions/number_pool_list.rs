//! `NumberPoolList`: pools with the count of their numbers (vendor doc
//! 6358/173339).

use axbridge_app::model::{PoolFilter, PoolRow};
use axbridge_domain::limits;
use axbridge_domain::pool::PoolKind;
use serde_json::{Map, Value, json};

use super::parameters::{LIMIT, NUMBER_POOL_NO_FILTER, OFFSET};
use super::pool_records::{
    ANY_CODE, PRIVACY_NUMBERS, PRIVACY_NUMBERS_NAME, RULES, named_account, reach, write_rules,
};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

const RECORD: &[Field] = &[
    Field::new("NumberPoolName", FieldKind::Text, "The pool's name."),
    Field::new("NumberPoolNo", FieldKind::Text, "Its number."),
    Field::new("ServiceType", FieldKind::Integer, "200."),
    Field::new("ServiceTypeName", FieldKind::Text, "`privacy numbers`."),
    Field::new(
        "SubServiceType",
        FieldKind::Integer,
        "What its numbers serve for.",
    ),
    Field::new(
        "SubServiceTypeName",
        FieldKind::Text,
        "The same in letters, such as `AXB`.",
    ),
    Field::new(
        "NumberCount",
        FieldKind::Integer,
        "How many numbers it holds.",
    ),
    Field::new(
        "Scene",
        FieldKind::Text,
        "What it is used for; may be empty.",
    ),
    Field::new(
        "AccountId",
        FieldKind::Text,
        "Whose it is. An axbridge extension, as what follows.",
    ),
    RULES[0],
    RULES[1],
    RULES[2],
    RULES[3],
    RULES[4],
];

/// The action.
pub(super) const ACTION: Action = Action {
    name: "NumberPoolList",
    aliases: &[],
    summary: "List number pools",
    description: "Without a filter it lists all pools of the account, or of every account for an \
                  operator.",
    parameters: &[
        Parameter::optional(
            "QueryAccountId",
            Kind::Account,
            "Only this account's. Another's only for operators.",
        ),
        NUMBER_POOL_NO_FILTER,
        Parameter::optional(
            "NumberPoolName",
            Kind::Text {
                chars_max: limits::POOL_NAME_CHARS_MAX,
            },
            "Only pools whose name contains this text.",
        ),
        Parameter::optional("ServiceType", ANY_CODE, "Only of this service type."),
        Parameter::optional(
            "SubServiceType",
            ANY_CODE,
            "Only of this kind, such as 201.",
        ),
        OFFSET,
        LIMIT,
    ],
    result: ResultShape::Object(&[
        Field::new(
            "Records",
            FieldKind::Records(RECORD),
            "The pools of this page, by number.",
        ),
        Field::new("Limit", FieldKind::Integer, "As asked for."),
        Field::new("Offset", FieldKind::Integer, "As asked for."),
        Field::new("Total", FieldKind::Integer, "How many pools match in all."),
    ]),
    errors: &[ErrorCode::OperationDenied],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let page = call.page()?;
    let (records, total) = match filter(call)? {
        None => (Vec::new(), 0),
        Some(filter) => {
            let found = call.app.list_pools(&filter, page).await?;
            (found.rows.iter().map(record).collect(), found.total)
        }
    };
    Ok(json!({
        "Records": records,
        "Limit": page.limit,
        "Offset": page.offset,
        "Total": total,
    }))
}

/// The filter; `None` when it asks for a kind that no pool can be of.
fn filter(call: &Call<'_>) -> Result<Option<PoolFilter>, CallError> {
    let service_type: Option<i64> = call.get("ServiceType")?;
    let sub_service_type: Option<i64> = call.get("SubServiceType")?;
    let kind = sub_service_type.map(PoolKind::from_code);
    let account = named_account(call, "QueryAccountId")?.or_else(|| reach(call));
    let nothing = kind == Some(None) || service_type.is_some_and(|code| code != PRIVACY_NUMBERS);
    Ok((!nothing).then_some(PoolFilter {
        account,
        pool: call.get("NumberPoolNo")?,
        name_contains: call.get("NumberPoolName")?,
        kind: kind.flatten(),
    }))
}

fn record(row: &PoolRow) -> Value {
    let pool = &row.pool;
    let mut record = Map::new();
    let mut write = |name: &str, value: Value| record.insert(name.to_owned(), value);
    write("NumberPoolName", json!(pool.name));
    write("NumberPoolNo", json!(pool.pool_no.to_string()));
    write("ServiceType", json!(PRIVACY_NUMBERS));
    write("ServiceTypeName", json!(PRIVACY_NUMBERS_NAME));
    write("SubServiceType", json!(pool.kind.code()));
    write("SubServiceTypeName", json!(pool.kind.name()));
    write("NumberCount", json!(row.numbers));
    write("Scene", json!(pool.scene.as_deref().unwrap_or_default()));
    write("AccountId", json!(pool.account.to_string()));
    write_rules(&mut record, pool);
    Value::Object(record)
}
