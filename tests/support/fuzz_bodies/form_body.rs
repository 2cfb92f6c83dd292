//! Queries and forms: what a form parser makes of them is what the parameters say.

use std::collections::BTreeMap;

use axbridge_api::decode::{BodyKind, DecodeError, MAX_PARAMETERS, Params, routing};

use super::params::check_params;

/// Checks a query (first line), a content type (second line) and a body (all
/// else).
pub fn check_form_body(data: &[u8]) {
    let mut blocks = data.splitn(3, |&byte| byte == b'\n');
    let query = String::from_utf8_lossy(blocks.next().unwrap_or_default());
    let content_type = String::from_utf8_lossy(blocks.next().unwrap_or_default());
    let body = blocks.next().unwrap_or_default();
    let routing = routing(&query);
    let found = [&routing.action, &routing.version];
    for text in found.into_iter().flatten() {
        assert!(!text.is_empty() && text.chars().count() <= 64);
    }
    match Params::decode(&query, Some(&content_type), body) {
        Ok(params) => {
            check_params(&params);
            if let Some(action) = &routing.action {
                let asked = params.action().unwrap_or_default();
                assert!(asked.starts_with(action), "{action} was routed");
            }
            check_fields(&params, &query, body);
        }
        Err(error) => check_refusal(&query, &content_type, body, &error),
    }
}

/// A simple name that stands once in the body, or else once in the query, has
/// the value that it has there.
fn check_fields(params: &Params, query: &str, body: &[u8]) {
    let form = match params.body_kind() {
        BodyKind::None => b"",
        BodyKind::Form => form_of(body),
        BodyKind::Json => return,
    };
    let (in_body, mut in_query) = (fields(form), fields(query.as_bytes()));
    let body_pairs = pairs(form);
    in_query.retain(|key, _| !holds_list(&body_pairs, key));
    for (key, values) in in_body.iter().chain(&in_query) {
        let is_routing = matches!(key.as_str(), "action" | "version");
        let counts = in_body.get(key).unwrap_or(values);
        if let ([value], false) = (counts.as_slice(), is_routing) {
            let expected = Some(value.clone()).filter(|value| !value.is_empty());
            assert_eq!(params.text(key), Ok(expected), "{key}");
        }
    }
}

/// The values of names that are letters alone; a name that may also stand there
/// as a list is left out.
fn fields(form: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let pairs = pairs(form);
    for (name, value) in &pairs {
        let key = name.to_ascii_lowercase();
        if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            fields.entry(key).or_default().push(value.clone());
        }
    }
    fields.retain(|key, _| !holds_list(&pairs, key));
    fields
}

/// Whether some pair is a place in the list `key`.
fn holds_list(pairs: &[(String, String)], key: &str) -> bool {
    pairs.iter().any(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name.strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(['[', '.']))
    })
}

fn pairs(form: &[u8]) -> Vec<(String, String)> {
    serde_html_form::from_bytes(form).expect("pairs of texts can always be read")
}

fn form_of(body: &[u8]) -> &[u8] {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    body.trim_ascii()
}

fn check_refusal(query: &str, content_type: &str, body: &[u8], error: &DecodeError) {
    assert!(!error.to_string().is_empty() && !error.subject().is_empty());
    let form = form_of(body);
    let is_json = form.starts_with(b"{") || content_type.to_ascii_lowercase().contains("json");
    let (in_query, in_body) = (pairs(query.as_bytes()), pairs(form));
    match error {
        DecodeError::NotUtf8 { .. } => {
            let replaced = |(name, value): &(String, String)| {
                name.contains('\u{FFFD}') || value.contains('\u{FFFD}')
            };
            let is_broken = in_query.iter().chain(&in_body).any(replaced);
            assert!(is_broken || std::str::from_utf8(body).is_err());
        }
        DecodeError::TooMany => {
            assert!(is_json || in_query.len() > MAX_PARAMETERS || in_body.len() > MAX_PARAMETERS);
        }
        DecodeError::Multipart => {
            let media_type = content_type.trim().to_ascii_lowercase();
            assert!(media_type.starts_with("multipart/"));
        }
        DecodeError::GivenTwice { name } => {
            let key = name.to_ascii_lowercase();
            let starts =
                |(name, _): &&(String, String)| name.to_ascii_lowercase().starts_with(&key);
            assert!(is_json || in_query.iter().filter(starts).count() > 1);
        }
        DecodeError::BrokenJson { .. } | DecodeError::NotAnObject | DecodeError::TooDeep => {
            assert!(is_json, "a form was read as JSON");
        }
    }
}
