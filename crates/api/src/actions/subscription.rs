//! A binding as the query actions show it.

use axbridge_app::bind::BindingView;
use axbridge_domain::binding::DisplayType;
use axbridge_domain::phone::PhoneNumber;
use axbridge_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::binding;
use crate::action::{Field, FieldKind};
use crate::answer;

const TIME_NOTE_ENABLE: &str = "When it was bound, in Unix seconds.";
const TIME_NOTE_EXPIRE: &str = "When it ends or ended by itself, in Unix seconds.";

/// The fields of one binding.
pub(super) const FIELDS: &[Field] = &fields(FieldKind::Integer);

/// The fields of one record of the list.
pub(super) const RECORD_FIELDS: &[Field] = &with_parent(fields(FieldKind::ListTime));

const FIELD_COUNT: usize = 18;

const fn text(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, FieldKind::Text, doc)
}

const fn fields(time: FieldKind) -> [Field; FIELD_COUNT] {
    [
        text("SubId", "The binding's id."),
        text("PhoneNoA", "A, in clear."),
        text("PhoneNoB", "B, in clear; empty for an AX."),
        text("PhoneNoX", "X."),
        text("PhoneNoY", "Empty: for AXYB."),
        text("PhoneNoE", "Empty: for AXNE."),
        text("GroupId", "Empty: for AXG."),
        Field::new(
            "Status",
            FieldKind::Integer,
            "0 unbound or expired, 1 bound, 2 abnormal.",
        ),
        Field::new(
            "RecordFlag",
            FieldKind::Integer,
            "`AudioRecordFlag` of the bind.",
        ),
        Field::new("EnableTime", time, TIME_NOTE_ENABLE),
        Field::new("ExpireTime", time, TIME_NOTE_EXPIRE),
        Field::new(
            "CallDisplayType",
            FieldKind::Integer,
            "Who sees which number, 1 to 4.",
        ),
        text("CallDisplayTypeName", "The same in words."),
        text("UserData", "The bind's; empty when it had none."),
        text("OutId", "The bind's; empty when it had none."),
        text("OrderId", "The bind's; empty when it had none."),
        text("IndustrialId", "The bind's; empty when it had none."),
        Field::new(
            "TalkSecondsMax",
            FieldKind::Integer,
            "The bind's, which is an axbridge extension; absent when it had none.",
        )
        .or_absent(),
    ]
}

const fn with_parent(fields: [Field; FIELD_COUNT]) -> [Field; FIELD_COUNT + 1] {
    let parent = text(
        "ParentSubId",
        "Empty: for bindings made by another binding.",
    );
    let mut all = [parent; FIELD_COUNT + 1];
    let mut index = 0;
    while index < FIELD_COUNT {
        all[index] = fields[index];
        index += 1;
    }
    all
}

/// One binding.
pub(super) fn shown(view: &BindingView) -> Value {
    Value::Object(record(view, false))
}

/// One record of the list.
pub(super) fn listed(view: &BindingView, times_as_text: bool) -> Value {
    let mut record = record(view, times_as_text);
    record.insert("ParentSubId".to_owned(), json!(""));
    Value::Object(record)
}

fn record(view: &BindingView, times_as_text: bool) -> Map<String, Value> {
    let (binding, terms) = (&view.binding, &view.binding.terms);
    let time = |at: Timestamp| match times_as_text {
        true => json!(at.unix_s().to_string()),
        false => json!(at.unix_s()),
    };
    let said = |text: &Option<String>| json!(text.as_deref().unwrap_or_default());
    let number = |number: Option<PhoneNumber>| number.map_or_else(|| json!(""), answer::number);
    let fields = [
        ("SubId", json!(binding.sub_id.to_string())),
        ("PhoneNoA", answer::number(terms.a)),
        ("PhoneNoB", number(terms.b)),
        ("PhoneNoX", answer::number(binding.x)),
        ("PhoneNoY", json!("")),
        ("PhoneNoE", json!("")),
        ("GroupId", json!("")),
        ("Status", json!(binding::status(view))),
        ("RecordFlag", json!(i64::from(terms.record))),
        ("EnableTime", time(binding.created_at)),
        ("ExpireTime", time(terms.expires_at)),
        ("CallDisplayType", json!(terms.display.code())),
        ("CallDisplayTypeName", json!(display_name(terms.display))),
        ("UserData", said(&terms.user_data)),
        ("OutId", said(&terms.out_id)),
        ("OrderId", said(&terms.order_id)),
        ("IndustrialId", said(&terms.industrial_id)),
    ];
    let named = fields.map(|(name, value)| (name.to_owned(), value));
    let limit = terms
        .talk_s_max
        .map(|seconds| ("TalkSecondsMax".to_owned(), json!(seconds)));
    named.into_iter().chain(limit).collect()
}

const fn display_name(display: DisplayType) -> &'static str {
    match display {
        DisplayType::BothSeeX => "both see X",
        DisplayType::ASeesB => "A sees B's number",
        DisplayType::BSeesA => "B sees A's number",
        DisplayType::BothSeeReal => "both see real numbers",
    }
}
