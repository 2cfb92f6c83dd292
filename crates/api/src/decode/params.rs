//! The parameters of one request, and the typed questions an action asks.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use super::form::{self, Place, split_key};
use super::{DecodeError, MAX_LIST_ITEMS, MAX_PARAMETERS, Scalar, Value, json};

/// What the body was. Lists of bindings answer times as numbers to forms and as
/// text to JSON, because that is what the two generations of clients read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// There was none.
    None,
    /// A urlencoded form.
    Form,
    /// A JSON object.
    Json,
}

/// A parameter has a value of the wrong kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {why}")]
pub struct ParamError {
    /// The parameter, as the action spells it.
    pub name: String,
    /// Goes on where the name leaves off: `must be an integer`. Never holds the
    /// value.
    pub why: Cow<'static, str>,
}

/// The parameters of one request. Names match in any case; `null` and empty text
/// count as not given; names nobody asks for are ignored.
#[derive(Clone)]
pub struct Params {
    entries: Vec<Entry>,
    body_kind: BodyKind,
    action: Option<String>,
    version: Option<String>,
}

#[derive(Clone)]
struct Entry {
    /// The parameter's name in lower case.
    key: String,
    place: Place,
    value: Value,
}

impl Params {
    /// Decodes query and body. Where both name a parameter, the body counts.
    /// `Action`, `Version` and all that begins with `X-` are no parameters.
    ///
    /// # Errors
    /// [`DecodeError`] when either cannot be read or has no single meaning.
    pub fn decode(
        raw_query: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Self, DecodeError> {
        let mut query = form_entries(form::pairs(raw_query.as_bytes(), "query")?);
        let action = take_single(&mut query, "action")?;
        let version = take_single(&mut query, "version")?;
        let (mut entries, body_kind) = body_entries(content_type, body)?;
        let in_body: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        query.retain(|entry| !in_body.contains(&entry.key));
        entries.extend(query);
        entries.retain(|entry| {
            !matches!(entry.key.as_str(), "action" | "version") && !entry.key.starts_with("x-")
        });
        Ok(Self {
            entries,
            body_kind,
            action,
            version,
        })
    }

    /// What the body was.
    #[must_use]
    pub fn body_kind(&self) -> BodyKind {
        self.body_kind
    }

    /// `Action`, which only the query can give.
    #[must_use]
    pub fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }

    /// `Version`, which only the query can give.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether the client sent the parameter at all, be it empty or `null`.
    #[must_use]
    pub fn was_sent(&self, name: &str) -> bool {
        self.entries_of(name).next().is_some()
    }

    /// Names of all parameters that came, in lower case, repeated ones repeated.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// A String: text as it came, or the digits of a JSON integer.
    ///
    /// # Errors
    /// [`ParamError`] for a list, an object, a fraction or a boolean.
    pub fn text(&self, name: &str) -> Result<Option<String>, ParamError> {
        let scalar = self.single(name)?;
        scalar
            .map(Scalar::to_text)
            .transpose()
            .map_err(|why| wrong(name, why))
    }

    /// A String that may also be sent as a JSON object or array: then its text.
    ///
    /// # Errors
    /// [`ParamError`] as [`Params::text`].
    pub fn text_or_json(&self, name: &str) -> Result<Option<String>, ParamError> {
        match self.json(name) {
            Ok(Some(tree)) if tree.is_object() || tree.is_array() => match self.first(name) {
                Some(Value::Json(text)) => Ok(Some(text.clone())),
                Some(Value::List(_)) => Ok(Some(tree.to_string())),
                Some(Value::One(_)) | None => self.text(name),
            },
            Ok(_) | Err(_) => self.text(name),
        }
    }

    /// An Integer or Long: a JSON number or boolean, or text that is a number.
    ///
    /// # Errors
    /// [`ParamError`] when it is not a whole number of 64 bits.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ParamError> {
        match self.single(name)? {
            None => Ok(None),
            Some(scalar) => scalar.to_integer().map_err(|why| wrong(name, why)),
        }
    }

    /// An Integer of which only positive values mean something. Some clients
    /// send zero, others -1, for a value that their user left unset.
    ///
    /// # Errors
    /// As [`Params::integer`].
    pub fn integer_or_absent_when_not_positive(
        &self,
        name: &str,
    ) -> Result<Option<i64>, ParamError> {
        Ok(self.integer(name)?.filter(|&number| number > 0))
    }

    /// An Integer of which zero means something and negative values do not: one
    /// client sends -1 for a value that its user left unset.
    ///
    /// # Errors
    /// As [`Params::integer`].
    pub fn integer_or_absent_when_negative(&self, name: &str) -> Result<Option<i64>, ParamError> {
        Ok(self.integer(name)?.filter(|&number| number >= 0))
    }

    /// A Boolean: a JSON boolean, 0 or 1, or the text of either.
    ///
    /// # Errors
    /// [`ParamError`] for anything else.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ParamError> {
        match self.single(name)? {
            None => Ok(None),
            Some(scalar) => scalar.to_boolean().map_err(|why| wrong(name, why)),
        }
    }

    /// A list of strings, in any of the forms that clients write: a JSON array,
    /// repeated keys, `Key[0]`, `Key[]`, `Key.1`, and in each element texts split
    /// by `,` or a literal `%2C`. Elements are trimmed, empty ones dropped; a
    /// list without elements counts as not given.
    ///
    /// # Errors
    /// [`ParamError`] for elements that are no strings, and for too many.
    pub fn list(&self, name: &str) -> Result<Option<Vec<String>>, ParamError> {
        let mut entries: Vec<&Entry> = self.entries_of(name).collect();
        entries.sort_by_key(|entry| entry.place);
        let mut items = Vec::new();
        for entry in entries {
            let scalars = match &entry.value {
                Value::One(scalar) => std::slice::from_ref(scalar),
                Value::List(scalars) => scalars.as_slice(),
                Value::Json(_) => return Err(wrong(name, "must be a list of strings")),
            };
            for scalar in scalars.iter().filter(|scalar| !scalar.is_absent()) {
                let text = scalar
                    .to_text()
                    .map_err(|_| wrong(name, "must be a list of strings"))?;
                split_items(&text, &mut items);
            }
            if items.len() > MAX_LIST_ITEMS {
                let why = format!("must not hold more than {MAX_LIST_ITEMS} elements");
                return Err(wrong(name, why));
            }
        }
        Ok((!items.is_empty()).then_some(items))
    }

    /// A structured value: JSON as it came, or text that holds JSON.
    ///
    /// # Errors
    /// [`ParamError`] when the text is not JSON.
    pub fn json(&self, name: &str) -> Result<Option<serde_json::Value>, ParamError> {
        let parse = |text: &str| {
            serde_json::from_str(text)
                .map(Some)
                .map_err(|_| wrong(name, "must be JSON"))
        };
        match self.first(name) {
            None | Some(Value::One(Scalar::Null)) => Ok(None),
            Some(Value::Json(text)) => parse(text),
            Some(Value::List(items)) => Ok(Some(items.iter().map(tree).collect())),
            Some(Value::One(_)) => match self.single(name)? {
                None => Ok(None),
                Some(Scalar::Text(text)) => parse(text),
                Some(other) => Ok(Some(tree(other))),
            },
        }
    }

    fn entries_of(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.key.eq_ignore_ascii_case(name))
    }

    fn first(&self, name: &str) -> Option<&Value> {
        self.entries_of(name).next().map(|entry| &entry.value)
    }

    /// The one value of a parameter; `None` when it counts as not given.
    fn single(&self, name: &str) -> Result<Option<&Scalar>, ParamError> {
        let mut found: Option<&Scalar> = None;
        for entry in self.entries_of(name) {
            let scalar = match &entry.value {
                Value::One(scalar) if entry.place == Place::Plain => scalar,
                Value::One(_) | Value::List(_) => {
                    return Err(wrong(name, "must be a single value, not a list"));
                }
                Value::Json(_) => {
                    return Err(wrong(
                        name,
                        "must be a single value, not an object or nested list",
                    ));
                }
            };
            if scalar.is_absent() {
                continue;
            }
            if found.is_some_and(|other| other != scalar) {
                return Err(wrong(name, "must be given once, not with several values"));
            }
            found = Some(scalar);
        }
        Ok(found)
    }
}

/// Shows names and kinds only: values may be phone numbers.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params")
            .field("action", &self.action)
            .field("version", &self.version)
            .field("body_kind", &self.body_kind)
            .field("names", &self.names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn wrong(name: &str, why: impl Into<Cow<'static, str>>) -> ParamError {
    ParamError {
        name: name.to_owned(),
        why: why.into(),
    }
}

fn form_entries(pairs: Vec<(String, String)>) -> Vec<Entry> {
    let entry = |(key, text): (String, String)| {
        let (name, place) = split_key(&key);
        Entry {
            key: name.to_ascii_lowercase(),
            place,
            value: Value::One(Scalar::Text(text)),
        }
    };
    pairs.into_iter().map(entry).collect()
}

fn take_single(query: &mut Vec<Entry>, key: &str) -> Result<Option<String>, DecodeError> {
    let mut taken: Option<String> = None;
    for entry in query.iter().filter(|entry| entry.key == key) {
        let Value::One(Scalar::Text(text)) = &entry.value else {
            continue;
        };
        if taken.as_ref().is_some_and(|other| other != text) {
            let name = if key == "action" { "Action" } else { "Version" };
            return Err(DecodeError::GivenTwice {
                name: name.to_owned(),
            });
        }
        taken = Some(text.clone());
    }
    query.retain(|entry| entry.key != key);
    Ok(taken.filter(|text| !text.is_empty()))
}

fn body_entries(
    content_type: Option<&str>,
    body: &[u8],
) -> Result<(Vec<Entry>, BodyKind), DecodeError> {
    let media_type = content_type.unwrap_or_default().trim().to_ascii_lowercase();
    if media_type.starts_with("multipart/") {
        return Err(DecodeError::Multipart);
    }
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let body = body.trim_ascii();
    if body.is_empty() {
        return Ok((Vec::new(), BodyKind::None));
    }
    let says_json = ["application/json", "application-json"]
        .iter()
        .any(|json| media_type.starts_with(json));
    // No form begins with a brace, whatever the header says: tools that send
    // JSON by hand often leave the header of a form.
    if says_json || body.starts_with(b"{") {
        return Ok((json_entries(body)?, BodyKind::Json));
    }
    let entries = form_entries(form::pairs(body, "body")?);
    Ok((entries, BodyKind::Form))
}

fn json_entries(body: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    let fields = json::fields(body)?;
    if fields.len() > MAX_PARAMETERS {
        return Err(DecodeError::TooMany);
    }
    let mut seen = HashSet::new();
    let mut entries = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let key = name.to_ascii_lowercase();
        if !seen.insert(key.clone()) {
            return Err(DecodeError::GivenTwice { name });
        }
        entries.push(Entry {
            key,
            place: Place::Plain,
            value,
        });
    }
    Ok(entries)
}

fn tree(scalar: &Scalar) -> serde_json::Value {
    match scalar {
        Scalar::Null => serde_json::Value::Null,
        Scalar::Text(text) => text.clone().into(),
        Scalar::Int(number) => i64::try_from(*number).map_or_else(
            |_| u64::try_from(*number).map_or(serde_json::Value::Null, Into::into),
            Into::into,
        ),
        Scalar::Float(number) => (*number).into(),
        Scalar::Bool(flag) => (*flag).into(),
    }
}

/// Splits one text into list elements. A list written out as a literal,
/// `['010','0531']`, loses its brackets and quotes.
fn split_items(text: &str, items: &mut Vec<String>) {
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let separated = inner
        .unwrap_or(text)
        .replace("%2C", ",")
        .replace("%2c", ",");
    for item in separated.split(',').map(str::trim) {
        let item = match inner {
            Some(_) => unquoted(item),
            None => item,
        };
        if !item.is_empty() {
            items.push(item.to_owned());
        }
    }
}

fn unquoted(item: &str) -> &str {
    ['\'', '"']
        .iter()
        .find_map(|&quote| item.strip_prefix(quote)?.strip_suffix(quote))
        .map_or(item, str::trim)
}
