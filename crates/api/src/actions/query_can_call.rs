//! `QueryCanCall`: whether risk control lets numbers be contacted now (vendor doc 6358/80246).

use axbridge_app::risk::{Contact, Forbidden, window_text};
use axbridge_domain::limits;
use axbridge_domain::phone::PhoneNumber;
use axbridge_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::number_records::china_time;
use super::pool_records::named_account;
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::answer;
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// Statuses of an answer.
const NORMAL: i64 = 0;
const FROZEN: i64 = -1;

const FOREVER: &str = "2099-12-31 23:59:59";

const RECORD: &[Field] = &[
    Field::new("customerNumber", FieldKind::Text, "The number asked about."),
    Field::new("businessLineId", FieldKind::Text, "As asked for."),
    Field::new(
        "status",
        FieldKind::Integer,
        "0 it may be contacted, -1 not.",
    ),
    Field::new("reason", FieldKind::Text, "Why not; empty if it may."),
    Field::new(
        "startTime",
        FieldKind::Text,
        "Since when it is frozen, `yyyy-MM-dd HH:mm:ss` in China's time; empty if it is not.",
    ),
    Field::new(
        "expiryTime",
        FieldKind::Text,
        "Until when; 2099-12-31 23:59:59 stands for an entry that must be deleted.",
    ),
    Field::new("highRisk", FieldKind::Integer, "0: no rating is made here."),
    Field::new(
        "treatmentId",
        FieldKind::Text,
        "The code of the entry's `FreezeTime`; empty without an entry.",
    ),
    Field::new(
        "treatmentName",
        FieldKind::Text,
        "The same in words, such as `30 days`.",
    ),
];

/// The action.
pub(super) const ACTION: Action = Action {
    name: "QueryCanCall",
    aliases: &[],
    summary: "Ask whether numbers may be called now",
    description: "It looks at the blacklist and at the frequency windows of the account and \
                  counts nothing. Whether a certain call goes through also depends on its \
                  binding: entries of `Type` 7 to 10 hold in one direction only, and 7 and 10 are \
                  not looked at here.",
    parameters: &[
        Parameter::required(
            "CustomerNumberList",
            Kind::Numbers {
                items_max: limits::CALL_IDS_PER_QUERY_MAX,
            },
            "The numbers, up to 100.",
        ),
        Parameter::required("BusinessLineId", Kind::Account, "The account's id."),
        Parameter::required(
            "CallType",
            Kind::Integer {
                min: 1,
                max: 3,
                zero_is_absent: true,
            },
            "1: may it be called? 2: may it call? 3: may it be sent a message (always).",
        ),
    ],
    result: ResultShape::Records(RECORD),
    errors: &[ErrorCode::OperationDenied],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let numbers: Vec<PhoneNumber> = call.need("CustomerNumberList")?;
    let account = named_account(call, "BusinessLineId")?.unwrap_or_else(|| call.account());
    let contact = match call.need::<i64>("CallType")? {
        1 => Contact::Called,
        2 => Contact::Calls,
        _ => Contact::Message,
    };
    let answers = call.app.can_contact(account, &numbers, contact).await?;
    let line = account.to_string();
    let records = numbers
        .iter()
        .zip(&answers)
        .map(|(number, forbidden)| record(*number, &line, forbidden.as_ref()));
    Ok(Value::Array(records.collect()))
}

fn record(number: PhoneNumber, line: &str, forbidden: Option<&Forbidden>) -> Value {
    let mut record = Map::new();
    let mut write = |name: &str, value: Value| record.insert(name.to_owned(), value);
    write("customerNumber", answer::number(number));
    write("businessLineId", json!(line));
    let status = if forbidden.is_some() { FROZEN } else { NORMAL };
    write("status", json!(status));
    let (reason, since, until) = match forbidden {
        None => (String::new(), None, None),
        Some(Forbidden::Blacklisted(entry)) => {
            let since = Some(entry.started_at);
            (entry.made.remark.clone(), since, Some(entry.expires_at))
        }
        Some(Forbidden::TooFrequent(full)) => (window_text(full.window), None, Some(full.free_at)),
    };
    let text = |at: Option<Timestamp>| at.map(moment).unwrap_or_default();
    write("reason", json!(reason));
    write("startTime", json!(text(since)));
    write("expiryTime", json!(text(until)));
    write("highRisk", json!(0));
    let treatment = match forbidden {
        Some(Forbidden::Blacklisted(entry)) => Some(entry.made.freeze_time),
        _ => None,
    };
    let id = treatment.map(|it| it.code().to_string());
    write("treatmentId", json!(id.unwrap_or_default()));
    let name = treatment.map(|it| it.name());
    write("treatmentName", json!(name.unwrap_or_default()));
    Value::Object(record)
}

/// A moment as text; the end of what has none is as far as the vendor's own goes.
pub(super) fn moment(at: Timestamp) -> String {
    if at == Timestamp::MAX {
        FOREVER.to_owned()
    } else {
        china_time(at)
    }
}
