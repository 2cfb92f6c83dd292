//! JSON schemas of parameters and results.

use serde_json::{Map, Value, json};

use crate::action::{Field, FieldKind, Kind, Parameter, ResultShape};

/// The schema of a request's body.
pub(super) fn request(parameters: &[Parameter]) -> Value {
    let required: Vec<&str> = parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| parameter.name)
        .collect();
    let properties: Map<String, Value> = parameters
        .iter()
        .map(|it| (it.name.to_owned(), property(it)))
        .collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(parameter: &Parameter) -> Value {
    let mut schema = of_kind(parameter.kind);
    schema["description"] = json!(parameter.doc);
    if let Some(default) = parameter.default {
        // Numbers and booleans are written in JSON as they are in the table.
        let is_text = schema["type"] == "string";
        let typed = serde_json::from_str(default).ok().filter(|_| !is_text);
        schema["default"] = typed.unwrap_or_else(|| json!(default));
    }
    schema
}

fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Text { chars_max }
        | Kind::FreeText { chars_max }
        | Kind::TextOrJson { chars_max } => {
            json!({"type": "string", "maxLength": chars_max})
        }
        Kind::Party | Kind::Number => number(),
        Kind::City => json!({"type": "string", "pattern": "^0[0-9]{2,3}$"}),
        Kind::DegradeCities => json!({
            "type": "array",
            "maxItems": axbridge_domain::limits::DEGRADE_CITIES_MAX,
            "items": {"type": "string", "pattern": "^(0[0-9]{2,3}|PNPC)$"},
        }),
        Kind::Integer { min, max, .. } => {
            json!({"type": "integer", "format": "int64", "minimum": min, "maximum": max})
        }
        Kind::Flag => json!({"type": "integer", "enum": [0, 1]}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::UnixSeconds => json!({"type": "integer", "format": "int64"}),
        Kind::Enumeration(words) => json!({"type": "string", "enum": words}),
        Kind::Pool => json!({"type": "string", "pattern": "^NP[0-9]{18}$"}),
        Kind::SubId => json!({
            "type": "string",
            "maxLength": axbridge_domain::limits::SUB_ID_CHARS_MAX,
        }),
        Kind::Account => json!({"type": "string", "pattern": "^[0-9]{10}$"}),
        Kind::Texts {
            chars_max,
            items_max,
        } => json!({
            "type": "array",
            "maxItems": items_max,
            "items": {"type": "string", "maxLength": chars_max},
        }),
        Kind::Numbers { items_max } => json!({
            "type": "array",
            "maxItems": items_max,
            "items": number(),
        }),
    }
}

fn number() -> Value {
    json!({"type": "string", "pattern": "^[0-9]{5,15}$"})
}

/// The schema of `Result`.
pub(super) fn result(shape: ResultShape) -> Value {
    match shape {
        ResultShape::True => json!({"type": "boolean", "const": true}),
        ResultShape::Object(fields) => object(fields),
        ResultShape::Word(word) => json!({"type": "string", "const": word}),
        ResultShape::Records(fields) => json!({"type": "array", "items": object(fields)}),
        ResultShape::Texts(doc) => json!({
            "type": "array",
            "description": doc,
            "items": {"type": "string"},
        }),
    }
}

fn object(fields: &[Field]) -> Value {
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| !field.optional)
        .map(|field| field.name)
        .collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut schema = of_field(field.kind);
            schema["description"] = json!(field.doc);
            (field.name.to_owned(), schema)
        })
        .collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn of_field(kind: FieldKind) -> Value {
    match kind {
        FieldKind::Text => json!({"type": "string"}),
        FieldKind::Integer => json!({"type": "integer", "format": "int64"}),
        FieldKind::Boolean => json!({"type": "boolean"}),
        FieldKind::ListTime => json!({"type": ["integer", "string"]}),
        FieldKind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        FieldKind::Records(fields) => json!({"type": "array", "items": object(fields)}),
    }
}
