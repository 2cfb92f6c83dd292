//! JSON bodies: what a strict parser makes of a body is what the parameters say.

use std::collections::BTreeSet;

use axbridge_api::decode::{BodyKind, DecodeError, MAX_JSON_DEPTH, MAX_PARAMETERS, Params};
use serde_json::Value;

use super::params::check_params;

const QUERY: &str = "Action=SelectNumberAndBindAXB&Version=2022-01-01";

/// Checks a body that says it is JSON.
pub fn check_json_body(data: &[u8]) {
    let body = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    let body = body.trim_ascii();
    let oracle = serde_json::from_slice::<Value>(body);
    match Params::decode(QUERY, Some("application/json; charset=utf-8"), data) {
        Ok(params) => {
            assert_eq!(params.action(), Some("SelectNumberAndBindAXB"));
            check_params(&params);
            if body.is_empty() {
                assert_eq!(params.body_kind(), BodyKind::None);
                return;
            }
            assert_eq!(params.body_kind(), BodyKind::Json);
            let tree = oracle.expect("what was decoded is JSON");
            assert!(depth(&tree) <= MAX_JSON_DEPTH);
            let object = tree.as_object().expect("what was decoded is an object");
            for (name, value) in object {
                check_field(&params, name, value);
            }
        }
        Err(error) => check_refusal(body, &oracle, &error),
    }
}

fn check_field(params: &Params, name: &str, value: &Value) {
    let key = name.to_ascii_lowercase();
    if matches!(key.as_str(), "action" | "version") || key.starts_with("x-") {
        assert!(!params.was_sent(name), "{name} is no parameter");
        return;
    }
    assert!(params.was_sent(name), "{name} is lost");
    match value {
        Value::Null => assert_eq!(params.text(name), Ok(None)),
        Value::Bool(flag) => assert_eq!(params.boolean(name), Ok(Some(*flag))),
        Value::Number(number) => {
            if let Some(number) = number.as_i64() {
                assert_eq!(params.integer(name), Ok(Some(number)));
                assert_eq!(params.text(name), Ok(Some(number.to_string())));
            } else {
                assert!(number.is_f64() || params.integer(name).is_err());
            }
        }
        Value::String(text) => {
            let expected = Some(text.clone()).filter(|text| !text.is_empty());
            assert_eq!(params.text(name), Ok(expected));
        }
        Value::Array(items) => check_array(params, name, items),
        Value::Object(_) => assert!(params.text(name).is_err()),
    }
    let is_compound = value.is_array() || value.is_object();
    // A fraction may lose its last bit each time it is written and read.
    if is_compound && !holds_fraction(value) {
        assert_eq!(params.json(name).ok().flatten().as_ref(), Some(value));
    }
}

fn check_array(params: &Params, name: &str, items: &[Value]) {
    let is_plain = |text: &&str| text.chars().all(|char| char.is_ascii_alphanumeric());
    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    let Some(texts) = texts.filter(|texts| texts.iter().all(is_plain)) else {
        return;
    };
    let expected: Vec<String> = texts
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| (*text).to_owned())
        .collect();
    let expected = Some(expected).filter(|items| !items.is_empty());
    assert_eq!(params.list(name), Ok(expected));
}

fn check_refusal(body: &[u8], oracle: &Result<Value, serde_json::Error>, error: &DecodeError) {
    assert!(!error.to_string().is_empty() && !error.subject().is_empty());
    let count = |wanted: &[u8]| body.iter().filter(|byte| wanted.contains(byte)).count();
    let object = oracle.as_ref().ok().and_then(Value::as_object);
    match error {
        DecodeError::NotUtf8 { .. } => assert!(std::str::from_utf8(body).is_err()),
        DecodeError::BrokenJson { line, .. } => {
            assert!(oracle.is_err(), "sound JSON was refused");
            assert!((1..=count(b"\n") + 1).contains(line));
        }
        DecodeError::NotAnObject => assert!(!body.starts_with(b"{")),
        DecodeError::TooDeep => assert!(count(b"[{") > MAX_JSON_DEPTH),
        DecodeError::GivenTwice { name } => {
            let object = object.expect("fields were read");
            let names: BTreeSet<String> = object.keys().map(|key| key.to_lowercase()).collect();
            assert!(names.contains(&name.to_lowercase()));
        }
        DecodeError::TooMany => assert!(count(b":") > MAX_PARAMETERS),
        DecodeError::Multipart => panic!("the body said that it is JSON"),
    }
}

fn depth(tree: &Value) -> usize {
    let inner = match tree {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}

fn holds_fraction(tree: &Value) -> bool {
    match tree {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(holds_fraction),
        Value::Object(fields) => fields.values().any(holds_fraction),
        _ => false,
    }
}
