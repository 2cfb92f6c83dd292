//! What the actions about accounts and keys share.

use axbridge_app::model::{AccessKey, Account, Page};
use axbridge_domain::limits;
use serde_json::{Value, json};

use crate::action::{Field, FieldKind, Kind, Parameter};

/// `Limit` of the short lists of an operator: everything, unless it says less.
pub(super) const LIMIT: Parameter = Parameter::optional(
    "Limit",
    Kind::Integer {
        min: 1,
        max: limits::PAGE_SIZE_MAX as i64,
        zero_is_absent: true,
    },
    "How many records to answer at most, up to 500.",
)
.or("500");

/// `AccountName` and `Description`, as long as the application takes them.
pub(super) const SHORT_TEXT: Kind = Kind::Text { chars_max: 64 };

/// An account as answers show it.
pub(super) const ACCOUNT: &[Field] = &[
    Field::new("AccountId", FieldKind::Text, "Its id."),
    Field::new("AccountName", FieldKind::Text, "Its name."),
    Field::new(
        "MayShowRealNumbers",
        FieldKind::Boolean,
        "Whether its bindings may show real numbers (CallDisplayType 2, 3 and 4).",
    ),
    Field::new(
        "LiveBindingsMax",
        FieldKind::Integer,
        "The most bindings that may be live at once; 0 is unlimited.",
    ),
    Field::new(
        "NumbersMax",
        FieldKind::Integer,
        "The most numbers in all its pools; 0 is unlimited.",
    ),
    Field::new(
        "PoolsMax",
        FieldKind::Integer,
        "The most pools; 0 is unlimited.",
    ),
    Field::new(
        "CallsMax",
        FieldKind::Integer,
        "The most calls at once; 0 is unlimited.",
    ),
    Field::new(
        "TalkSecondsMax",
        FieldKind::Integer,
        "The longest a call may last once answered, in seconds; 0 is unlimited.",
    ),
    Field::new(
        "CreateTime",
        FieldKind::Integer,
        "When it was made, in Unix seconds.",
    ),
];

/// A key as answers show it, without its secret.
pub(super) const KEY: &[Field] = &[
    Field::new("AccessKeyId", FieldKind::Text, "The key's id."),
    Field::new("AccountId", FieldKind::Text, "Whose it is."),
    Field::new("Role", FieldKind::Text, "`application` or `operator`."),
    Field::new("Description", FieldKind::Text, "What was noted about it."),
    Field::new(
        "CreateTime",
        FieldKind::Integer,
        "When it was made, in Unix seconds.",
    ),
    Field::new(
        "Disabled",
        FieldKind::Boolean,
        "Whether it was disabled, for good.",
    ),
    Field::new(
        "DisableTime",
        FieldKind::Integer,
        "When it was disabled, in Unix seconds.",
    )
    .or_absent(),
];

/// An account as answers show it.
pub(super) fn account(account: &Account) -> Value {
    let terms = &account.terms;
    json!({
        "AccountId": account.id.to_string(),
        "AccountName": account.name,
        "MayShowRealNumbers": terms.may_show_real_numbers,
        "LiveBindingsMax": terms.live_bindings_max.unwrap_or(0),
        "NumbersMax": terms.numbers_max.unwrap_or(0),
        "PoolsMax": terms.pools_max.unwrap_or(0),
        "CallsMax": terms.calls_max.unwrap_or(0),
        "TalkSecondsMax": terms.talk_s_max.unwrap_or(0),
        "CreateTime": account.created_at.unix_s(),
    })
}

/// A key as answers show it.
pub(super) fn key(key: &AccessKey) -> Value {
    let mut record = json!({
        "AccessKeyId": key.id,
        "AccountId": key.account.to_string(),
        "Role": key.role.name(),
        "Description": key.description,
        "CreateTime": key.created_at.unix_s(),
        "Disabled": key.disabled_at.is_some(),
    });
    if let Some(at) = key.disabled_at {
        record["DisableTime"] = at.unix_s().into();
    }
    record
}

/// One page of a list that is all in memory.
pub(super) fn one_page<T>(all: &[T], page: Page, record: fn(&T) -> Value) -> Value {
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let records: Vec<Value> = all
        .iter()
        .skip(whole(page.offset))
        .take(whole(page.limit))
        .map(record)
        .collect();
    json!({
        "Records": records,
        "Limit": page.limit,
        "Offset": page.offset,
        "Total": all.len(),
    })
}
