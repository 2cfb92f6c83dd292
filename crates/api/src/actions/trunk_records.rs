//! What the actions about trunks share.

use axbridge_app::model::TrunkRecord;
use axbridge_app::trunks::{TRUNK_PASSWORD_CHARS_MAX, TrunkChange};
use axbridge_app::{App, Secret};
use axbridge_domain::limits;
use axbridge_domain::trunk::FIELDS;
use serde_json::{Map, Value, json};

use crate::action::{Field, FieldKind, Kind, Parameter};
use crate::call::{Call, CallError};

/// `TrunkName`.
pub(super) const TRUNK_NAME: Parameter = Parameter::required(
    "TrunkName",
    Kind::Text {
        chars_max: limits::TRUNK_NAME_CHARS_MAX,
    },
    "The trunk's name: small letters, digits and hyphens.",
);

const FLAG: Kind = Kind::Boolean;
const TEXT: Kind = Kind::Text { chars_max: 128 };
const PASSWORD: Kind = Kind::Text {
    chars_max: TRUNK_PASSWORD_CHARS_MAX,
};
const LIST: Kind = Kind::Texts {
    chars_max: 320,
    items_max: limits::NETWORKS_PER_TRUNK_MAX,
};
const FORM: Kind = Kind::Enumeration(&["national", "+86", "0086"]);

const fn whole(max: i64) -> Kind {
    Kind::Integer {
        min: 0,
        max,
        zero_is_absent: false,
    }
}

/// A field of a trunk as a parameter; its meaning stands in the domain's table.
const fn field(name: &'static str, kind: Kind) -> Parameter {
    Parameter::optional(name, kind, doc_of(name))
}

const fn doc_of(name: &str) -> &'static str {
    let mut index = 0;
    while index < FIELDS.len() {
        if is_same(FIELDS[index].name.as_bytes(), name.as_bytes()) {
            return FIELDS[index].doc;
        }
        index += 1;
    }
    panic!("a trunk has no such field");
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

/// What making and changing a trunk take.
pub(super) const TRUNK_PARAMETERS: &[Parameter] = &[
    TRUNK_NAME,
    field("Enabled", FLAG),
    field("Inbound", FLAG),
    field("Outbound", FLAG),
    field("Peers", LIST),
    field("Networks", LIST),
    field("MediaNetworks", LIST),
    field("OutboundUser", TEXT),
    Parameter::optional(
        "OutboundPassword",
        PASSWORD,
        "The password with which its challenges are answered. It is never shown again.",
    ),
    field("InboundUser", TEXT),
    Parameter::optional(
        "InboundPassword",
        PASSWORD,
        "The password that it must answer our challenges with. It is never shown again.",
    ),
    field("InboundAlgorithms", LIST),
    field("CallerIdForm", FORM),
    field(
        "CallerIdHeader",
        Kind::Enumeration(&["From", "P-Asserted-Identity", "Remote-Party-ID"]),
    ),
    field("DialledForm", FORM),
    field("DialledIn", Kind::Enumeration(&["Request-URI", "To"])),
    field("PrefixRules", LIST),
    field("ShownPrefixes", LIST),
    field("Codecs", LIST),
    field("CallsMax", whole(limits::CALLS_PER_TRUNK_MAX as i64)),
    field("SymmetricRtp", FLAG),
    field("AnswerRefusals", FLAG),
    field("TlsName", TEXT),
    field(
        "KeepAliveSeconds",
        whole(limits::TRUNK_KEEP_ALIVE_S_MAX as i64),
    ),
    field("Priority", whole(u16::MAX as i64)),
    field("Weight", whole(u16::MAX as i64)),
];

const fn shown(name: &'static str, kind: FieldKind) -> Field {
    Field::new(name, kind, doc_of(name))
}

/// A trunk as answers show it, without its passwords.
pub(super) const TRUNK: &[Field] = &[
    Field::new("TrunkName", FieldKind::Text, "Its name."),
    shown("Enabled", FieldKind::Boolean),
    shown("Inbound", FieldKind::Boolean),
    shown("Outbound", FieldKind::Boolean),
    shown("Peers", FieldKind::Texts),
    shown("Networks", FieldKind::Texts),
    shown("MediaNetworks", FieldKind::Texts),
    shown("OutboundUser", FieldKind::Text),
    shown("InboundUser", FieldKind::Text),
    shown("InboundAlgorithms", FieldKind::Texts),
    shown("CallerIdForm", FieldKind::Text),
    shown("CallerIdHeader", FieldKind::Text),
    shown("DialledForm", FieldKind::Text),
    shown("DialledIn", FieldKind::Text),
    shown("PrefixRules", FieldKind::Texts),
    shown("ShownPrefixes", FieldKind::Texts),
    shown("Codecs", FieldKind::Texts),
    shown("CallsMax", FieldKind::Integer),
    shown("SymmetricRtp", FieldKind::Boolean),
    shown("AnswerRefusals", FieldKind::Boolean),
    shown("TlsName", FieldKind::Text),
    shown("KeepAliveSeconds", FieldKind::Integer),
    shown("Priority", FieldKind::Integer),
    shown("Weight", FieldKind::Integer),
    Field::new(
        "Origin",
        FieldKind::Text,
        "action: it was made by CreateTrunk; settings: voice.trunks describes it, and no action \
         changes it.",
    ),
    Field::new(
        "CreateTime",
        FieldKind::Integer,
        "When it was made, or the node started that describes it, in Unix seconds.",
    ),
];

/// A trunk as answers show it.
pub(super) fn trunk(app: &App, record: &TrunkRecord) -> Value {
    let mut fields = Map::new();
    fields.insert("TrunkName".to_owned(), json!(record.trunk.name.as_str()));
    for field in TRUNK {
        let Some(text) = record.trunk.get(field.name) else {
            continue;
        };
        let value = match field.kind {
            FieldKind::Boolean => json!(text == "true"),
            FieldKind::Integer => json!(text.parse::<i64>().unwrap_or_default()),
            FieldKind::Texts if text.is_empty() => json!([]),
            FieldKind::Texts => json!(text.split(',').collect::<Vec<_>>()),
            _ => json!(text),
        };
        fields.insert(field.name.to_owned(), value);
    }
    let origin = match app.is_trunk_of_settings(&record.trunk.name) {
        true => "settings",
        false => "action",
    };
    fields.insert("Origin".to_owned(), json!(origin));
    let made = record.created_at.unix_s();
    fields.insert("CreateTime".to_owned(), json!(made));
    Value::Object(fields)
}

/// What a request wants changed of a trunk. What was sent empty is emptied.
pub(super) fn change(call: &Call<'_>) -> Result<TrunkChange, CallError> {
    let mut change = TrunkChange {
        fields: Vec::new(),
        outbound_password: password(call, "OutboundPassword")?,
        inbound_password: password(call, "InboundPassword")?,
    };
    for parameter in TRUNK_PARAMETERS {
        let name = parameter.name;
        if !FIELDS.iter().any(|field| field.name == name) {
            continue;
        }
        let text = match parameter.kind {
            Kind::Boolean => call.get::<bool>(name)?.map(|flag| flag.to_string()),
            Kind::Integer { .. } => call.get::<i64>(name)?.map(|whole| whole.to_string()),
            Kind::Enumeration(_) => call.get::<&str>(name)?.map(str::to_owned),
            Kind::Texts { .. } => call.get::<Vec<String>>(name)?.map(|items| items.join(",")),
            _ => call.get::<String>(name)?,
        };
        let may_be_empty = matches!(parameter.kind, Kind::Texts { .. } | Kind::Text { .. });
        match text {
            Some(text) => change.fields.push((name, text)),
            None if may_be_empty && call.was_sent(name) => {
                change.fields.push((name, String::new()));
            }
            None => {}
        }
    }
    Ok(change)
}

fn password(call: &Call<'_>, name: &'static str) -> Result<Option<Secret>, CallError> {
    let text = call.get::<String>(name)?;
    let emptied = call.was_sent(name).then(String::new);
    Ok(text.or(emptied).map(Secret::new))
}
