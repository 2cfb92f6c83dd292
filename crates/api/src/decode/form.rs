//! Queries and urlencoded forms, and the keys that lists hide behind.

use super::{DecodeError, MAX_PARAMETERS};
use crate::percent;

/// The longest action or version that is repeated in an answer, in characters.
const MAX_ROUTING_CHARS: usize = 64;

/// What a query asks for, as far as it can be told. For the envelope of answers
/// to requests that fail before they are decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// `Action`, at most 64 characters of it.
    pub action: Option<String>,
    /// `Version`, at most 64 characters of it.
    pub version: Option<String>,
}

/// Reads action and version of a query and cannot fail: what is not UTF-8 is
/// replaced, the first of several is taken.
#[must_use]
pub fn routing(raw_query: &str) -> Routing {
    let mut found = Routing::default();
    for (name, value) in percent::raw_pairs(raw_query.as_bytes()) {
        let name = percent::decode_form(name);
        let field = if name.eq_ignore_ascii_case(b"Action") {
            &mut found.action
        } else if name.eq_ignore_ascii_case(b"Version") {
            &mut found.version
        } else {
            continue;
        };
        let value = percent::decode_form(value);
        let text = String::from_utf8_lossy(&value);
        let text: String = text.chars().take(MAX_ROUTING_CHARS).collect();
        if field.is_none() && !text.is_empty() {
            *field = Some(text);
        }
    }
    found
}

/// Reads the pairs of a query or form, decoded, in order.
pub(super) fn pairs(raw: &[u8], place: &str) -> Result<Vec<(String, String)>, DecodeError> {
    let mut pairs = Vec::new();
    for (name, value) in percent::raw_pairs(raw) {
        if pairs.len() == MAX_PARAMETERS {
            return Err(DecodeError::TooMany);
        }
        let name = utf8(percent::decode_form(name), place)?;
        let subject = if name.is_empty() { place } else { &name };
        let value = utf8(percent::decode_form(value), subject)?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn utf8(bytes: Vec<u8>, subject: &str) -> Result<String, DecodeError> {
    String::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8 {
        subject: subject.to_owned(),
    })
}

/// Where a value stands in its list, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The key names no list: `Key`.
    Plain,
    /// At the end: `Key[]`.
    Next,
    /// At a number: `Key[0]`, `Key.1`.
    At(u32),
}

/// Splits a key into the parameter's name and the place in its list.
pub(super) fn split_key(key: &str) -> (&str, Place) {
    if let Some((name, inner)) = key.strip_suffix(']').and_then(|key| key.rsplit_once('[')) {
        if inner.is_empty() {
            return (name, Place::Next);
        }
        if let Some(number) = small_number(inner) {
            return (name, Place::At(number));
        }
    } else if let Some((name, after)) = key.rsplit_once('.')
        && let Some(number) = small_number(after)
    {
        return (name, Place::At(number));
    }
    (key, Place::Plain)
}

fn small_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_keys_are_split_and_all_others_are_names() {
        assert_eq!(split_key("Key"), ("Key", Place::Plain));
        assert_eq!(split_key("Key[]"), ("Key", Place::Next));
        assert_eq!(split_key("Key[0]"), ("Key", Place::At(0)));
        assert_eq!(split_key("Key.12"), ("Key", Place::At(12)));
        for odd in [
            "Key[x]",
            "Key.",
            "Key.x",
            "Key.1.Name",
            "Key[-1]",
            "Key[",
            "]",
            "a.99999999999",
        ] {
            assert_eq!(split_key(odd), (odd, Place::Plain));
        }
    }

    #[test]
    fn routing_never_fails_and_is_bounded() {
        assert_eq!(routing("%%%&=&&Action"), Routing::default());
        let query = format!(
            "action=Bind%FFAXB&VERSION=2022-01-01&Action={}",
            "x".repeat(99)
        );
        let found = routing(&query);
        assert_eq!(found.action.as_deref(), Some("Bind\u{FFFD}AXB"));
        assert_eq!(found.version.as_deref(), Some("2022-01-01"));
        let long = routing(&format!("Action={}", "号".repeat(99)));
        assert_eq!(long.action.map(|text| text.chars().count()), Some(64));
    }
}
