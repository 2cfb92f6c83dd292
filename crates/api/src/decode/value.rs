//! A parameter's value as it came, with enough of its type kept to say exactly
//! why it does not fit.

use std::fmt;

/// One value that is neither a list nor an object. `Debug` shows its kind only:
/// it may be a phone number.
#[derive(Clone, PartialEq)]
pub enum Scalar {
    /// JSON `null`.
    Null,
    /// Text, of a form, a query or a JSON string.
    Text(String),
    /// A JSON number without a fraction, within 64 bits.
    Int(i128),
    /// Any other JSON number.
    Float(f64),
    /// A JSON boolean.
    Bool(bool),
}

/// One parameter's value. `Debug` shows its kind only.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A single value.
    One(Scalar),
    /// A JSON array of single values.
    List(Vec<Scalar>),
    /// A JSON object, or an array that holds more than single values, as text.
    Json(String),
}

/// The largest whole number up to which every whole number is a float.
const FLOAT_EXACT_UP_TO: f64 = 9_007_199_254_740_992.0;

const NOT_AN_INTEGER: &str = "must be an integer";
const INTEGER_TOO_LARGE: &str = "is outside the range of a 64-bit integer";
const NOT_A_BOOLEAN: &str = "must be true or false";
const NOT_A_STRING: &str = "must be a string";

impl Scalar {
    /// Whether the value counts as not given: `null` or empty text.
    pub(super) fn is_absent(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Int(_) | Self::Float(_) | Self::Bool(_) => false,
        }
    }

    pub(super) fn to_text(&self) -> Result<String, &'static str> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Int(number) => Ok(number.to_string()),
            Self::Null | Self::Float(_) | Self::Bool(_) => Err(NOT_A_STRING),
        }
    }

    /// `None` when the value is blank text.
    pub(super) fn to_integer(&self) -> Result<Option<i64>, &'static str> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(flag) => Ok(Some(i64::from(*flag))),
            Self::Int(number) => i64::try_from(*number)
                .map(Some)
                .map_err(|_| INTEGER_TOO_LARGE),
            Self::Float(number) => integer_of_float(*number).map(Some),
            Self::Text(text) => integer_of_text(text.trim()),
        }
    }

    /// `None` when the value is blank text.
    pub(super) fn to_boolean(&self) -> Result<Option<bool>, &'static str> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(flag) => Ok(Some(*flag)),
            Self::Int(0) => Ok(Some(false)),
            Self::Int(1) => Ok(Some(true)),
            Self::Int(_) | Self::Float(_) => Err(NOT_A_BOOLEAN),
            Self::Text(text) => match text.trim() {
                "" => Ok(None),
                "0" => Ok(Some(false)),
                "1" => Ok(Some(true)),
                word if word.eq_ignore_ascii_case("true") => Ok(Some(true)),
                word if word.eq_ignore_ascii_case("false") => Ok(Some(false)),
                _ => Err(NOT_A_BOOLEAN),
            },
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Text(_) => "text",
            Self::Int(_) | Self::Float(_) => "number",
            Self::Bool(_) => "boolean",
        }
    }
}

fn integer_of_float(number: f64) -> Result<i64, &'static str> {
    if number.fract() != 0.0 {
        return Err(NOT_AN_INTEGER);
    }
    if number.abs() > FLOAT_EXACT_UP_TO {
        return Err(INTEGER_TOO_LARGE);
    }
    // Whole and within 2^53: the conversion is exact.
    Ok(number as i64)
}

fn integer_of_text(text: &str) -> Result<Option<i64>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    // Some clients write whole numbers as `1.0`.
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        Some(_) => return Err(NOT_AN_INTEGER),
        None => text,
    };
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NOT_AN_INTEGER);
    }
    whole.parse().map(Some).map_err(|_| INTEGER_TOO_LARGE)
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(scalar) => fmt::Debug::fmt(scalar, f),
            Self::List(items) => write!(f, "list of {}", items.len()),
            Self::Json(_) => f.write_str("JSON"),
        }
    }
}
