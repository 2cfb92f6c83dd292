//! JSON schemas and the reference page, made from the tables.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::tables::{BODIES, Body, BodyField, BodyKind};

/// The JSON schema (draft 2020-12) of a body.
#[must_use]
pub fn schema_json(body: &Body) -> Value {
    let required: Vec<&str> = body
        .fields
        .iter()
        .filter(|field| !field.optional)
        .map(|field| field.name)
        .collect();
    let properties: Map<String, Value> = body
        .fields
        .iter()
        .map(|field| (field.name.to_owned(), property(field)))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": body.title,
        "description": body.description,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(field: &BodyField) -> Value {
    let mut schema = match field.kind {
        BodyKind::Text => json!({"type": "string"}),
        BodyKind::Words(words) => json!({"type": "string", "enum": words}),
        BodyKind::SecondsText => json!({"type": "string", "pattern": "^[0-9]{1,12}$"}),
        BodyKind::Integer(least, most) => {
            json!({"type": "integer", "minimum": least, "maximum": most})
        }
        BodyKind::Milliseconds => json!({"type": "integer", "minimum": 0}),
        BodyKind::Integers => json!({"type": "array", "items": {"type": "integer"}}),
    };
    schema["description"] = json!(field.doc);
    schema
}

/// What of a body does not fit its schema, by the part of JSON Schema that ours use. For tests.
#[must_use]
pub fn misfits(schema: &Value, body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let (Some(body), Some(properties)) = (body.as_object(), schema["properties"].as_object())
    else {
        return vec!["not an object".to_owned()];
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if !body.contains_key(name) {
            found.push(format!("{name} is missing"));
        }
    }
    for (name, value) in body {
        match properties.get(name) {
            None => found.push(format!("{name} is not in the schema")),
            Some(schema) if !fits(schema, value) => found.push(format!("{name} is {value}")),
            Some(_) => {}
        }
    }
    found
}

fn fits(schema: &Value, value: &Value) -> bool {
    match schema["type"].as_str() {
        Some("string") => value.as_str().is_some_and(|text| {
            let listed = schema["enum"]
                .as_array()
                .is_none_or(|words| words.contains(value));
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            listed && (schema["pattern"].is_null() || digits)
        }),
        Some("integer") => value.as_i64().is_some_and(|number| {
            schema["minimum"]
                .as_i64()
                .is_none_or(|least| number >= least)
                && schema["maximum"].as_i64().is_none_or(|most| number <= most)
        }),
        Some("array") => value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_i64)),
        _ => false,
    }
}

/// File names and texts of all schemas.
#[must_use]
pub fn schemas() -> Vec<(String, String)> {
    let file = |body: &Body| {
        let name = format!("callbacks/{}.schema.json", body.kind.name());
        (name, format!("{:#}\n", schema_json(body)))
    };
    BODIES.iter().map(file).collect()
}

const HEAD: &str = "<!-- Made by `axbridge generate-docs` from the tables in the code; changes \
    here are lost. -->\n\n# Bodies of callbacks\n\n\
Each message is one JSON object, POSTed to every receiver that subscribed to its kind; the guide \
[Callbacks](../guide/callbacks.md) says how it is signed, retried and told from its repetitions. \
Texts that have nothing to say are empty, times that did not happen are absent. Fields may be \
added; ignore those you do not know.\n";

/// The reference page of all bodies.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for body in BODIES {
        let kind = body.kind.name();
        let _ = write!(
            page,
            "\n## {}\n\nKind `{kind}`. {} [JSON schema](callbacks/{kind}.schema.json).\n\n\
             | Field | Type | Meaning |\n|---|---|---|\n",
            body.title, body.description,
        );
        for field in body.fields {
            let kind = match field.kind {
                BodyKind::Text | BodyKind::Words(_) | BodyKind::SecondsText => "text",
                BodyKind::Integer(..) | BodyKind::Milliseconds => "integer",
                BodyKind::Integers => "array of integers",
            };
            let absent = if field.optional {
                ", may be absent"
            } else {
                ""
            };
            let _ = writeln!(page, "| {} | {kind}{absent} | {} |", field.name, field.doc);
        }
    }
    page
}
