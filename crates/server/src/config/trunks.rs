//! Trunks that the settings describe.

use std::collections::BTreeMap;
use std::fmt;

use axbridge_app::Secret;
use axbridge_app::trunks::TrunkChange;
use axbridge_domain::trunk::FIELDS;
use config::{Value, ValueKind};
use serde::Deserialize;

use crate::suggest::closest;

/// A table of `voice.trunks`: fields by name. It may hold passwords.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Described(BTreeMap<String, Value>);

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.keys().fmt(f)
    }
}

/// The name of the trunk, and what to set of it.
pub(super) fn read(place: usize, described: &Described) -> Result<(String, TrunkChange), String> {
    let mut change = TrunkChange::default();
    let mut name = None;
    for (key, value) in &described.0 {
        let text = text_of(value).ok_or_else(|| {
            format!(
                "voice.trunks[{place}].{key} is a text, a number, true, false or a list of texts"
            )
        })?;
        match key.as_str() {
            "name" => name = Some(text),
            "outbound_password" => change.outbound_password = Some(Secret::new(text)),
            "inbound_password" => change.inbound_password = Some(Secret::new(text)),
            _ => change.fields.push((field_of(place, key)?, text)),
        }
    }
    let name = name.ok_or_else(|| format!("voice.trunks[{place}] has no name"))?;
    Ok((name, change))
}

/// `keep_alive_seconds` is `KeepAliveSeconds`.
fn field_of(place: usize, key: &str) -> Result<&'static str, String> {
    let plain = key.replace('_', "");
    let mut fields = FIELDS.iter().map(|field| field.name);
    let found = fields.find(|name| name.eq_ignore_ascii_case(&plain));
    found.ok_or_else(|| {
        let known: Vec<String> = FIELDS.iter().map(|field| snake(field.name)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = closest(key, &known);
        let hint = hint
            .first()
            .map_or_else(String::new, |it| format!("; did you mean {it}?"));
        format!("voice.trunks[{place}].{key}: a trunk has no such field{hint}")
    })
}

fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn text_of(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::Boolean(flag) => Some(flag.to_string()),
        ValueKind::I64(whole) => Some(whole.to_string()),
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::Array(items) => {
            let items: Option<Vec<String>> = items
                .iter()
                .map(|item| item.clone().into_string().ok())
                .collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}
