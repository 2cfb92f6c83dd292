//! JSON bodies: one object, one field a parameter.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Tree;
use serde_json::error::Category;

use super::{DecodeError, MAX_JSON_DEPTH, Scalar, Value};

/// Reads the fields of a JSON object, in order, repeated names kept.
pub(super) fn fields(body: &[u8]) -> Result<Vec<(String, Value)>, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|_| DecodeError::NotUtf8 {
        subject: "body".to_owned(),
    })?;
    if depth(text) > MAX_JSON_DEPTH {
        return Err(DecodeError::TooDeep);
    }
    // The parser's own words may quote a value, so only its position is used.
    let Fields(fields) = serde_json::from_str(text).map_err(|fault| match fault.classify() {
        Category::Data => DecodeError::NotAnObject,
        Category::Io | Category::Syntax | Category::Eof => DecodeError::BrokenJson {
            line: fault.line(),
            column: fault.column(),
        },
    })?;
    let converted = fields.into_iter().map(|(name, tree)| (name, value(tree)));
    Ok(converted.collect())
}

/// How deeply brackets and braces nest, strings left out.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn value(tree: Tree) -> Value {
    match tree {
        Tree::Array(items) => {
            let scalars: Option<Vec<Scalar>> = items.iter().map(scalar).collect();
            scalars.map_or_else(|| Value::Json(Tree::Array(items).to_string()), Value::List)
        }
        other => match scalar(&other) {
            Some(scalar) => Value::One(scalar),
            None => Value::Json(other.to_string()),
        },
    }
}

fn scalar(tree: &Tree) -> Option<Scalar> {
    Some(match tree {
        Tree::Null => Scalar::Null,
        Tree::Bool(flag) => Scalar::Bool(*flag),
        Tree::String(text) => Scalar::Text(text.clone()),
        Tree::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(signed), _) => Scalar::Int(signed.into()),
            (None, Some(unsigned)) => Scalar::Int(unsigned.into()),
            (None, None) => Scalar::Float(number.as_f64()?),
        },
        Tree::Array(_) | Tree::Object(_) => return None,
    })
}

struct Fields(Vec<(String, Tree)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}
