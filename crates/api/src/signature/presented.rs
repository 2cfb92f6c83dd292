//! What a request says about its own signature, read from the `Authorization`
//! header or from a presigned query. Nothing is believed yet.

use super::time::parse_x_date;
use super::{ACCEPTED_SERVICES, ALGORITHM, AuthError, MAX_EXPIRES_S, RequestParts};
use crate::percent;

/// The longest access key, region or service name that is looked at, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Where the signature travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the `Authorization` header; the body is signed.
    Header,
    /// In the query (a presigned link); the body is **not** signed.
    Presigned,
}

/// What a signature is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The day of signing, `YYYYMMDD`.
    pub date: String,
    /// The region; any well-formed one is taken, and echoed in the answer.
    pub region: String,
    /// The service, one of [`ACCEPTED_SERVICES`].
    pub service: String,
}

/// A signature as presented: well formed, but neither its time nor its truth
/// checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Header or query.
    pub mode: Mode,
    /// The access key, as text.
    pub access_key: String,
    /// The credential scope.
    pub scope: Scope,
    /// `X-Date` as it came.
    pub x_date: String,
    /// `X-Date` in Unix seconds.
    pub signed_at_unix_s: i64,
    /// `X-Expires` in seconds, at most [`MAX_EXPIRES_S`].
    pub expires_s: Option<i64>,
    /// `X-Security-Token` of temporary credentials.
    pub security_token: Option<String>,
    /// The signed headers as the client listed them, `;` between the names: the
    /// text itself is signed, and its order is the order of the headers.
    pub signed_headers: String,
    /// Names of the signed query parameters, of a presigned link.
    pub signed_queries: Option<Vec<String>>,
    /// The signature, as text.
    pub signature: String,
}

impl Presented {
    /// Whether the body is bound by the signature. It is not in a presigned
    /// link, so a gateway should take no parameters from such a body.
    #[must_use]
    pub fn signs_body(&self) -> bool {
        self.mode == Mode::Header
    }

    /// Checks the time of signing against `now_unix_s`: at most `window_s`
    /// ahead, at most `X-Expires`, or else `window_s`, behind.
    ///
    /// # Errors
    /// [`AuthError::InvalidTimestamp`] outside of that.
    pub fn check_time(&self, now_unix_s: i64, window_s: i64) -> Result<(), AuthError> {
        let age_s = now_unix_s.saturating_sub(self.signed_at_unix_s);
        if age_s > self.expires_s.unwrap_or(window_s) {
            return Err(AuthError::InvalidTimestamp(
                "X-Date is too long ago: sign the request again, and check this machine's clock",
            ));
        }
        if age_s < window_s.saturating_neg() {
            return Err(AuthError::InvalidTimestamp(
                "X-Date lies in the future: check this machine's clock, and that X-Date is UTC",
            ));
        }
        Ok(())
    }
}

/// Reads the signature that a request presents.
///
/// # Errors
/// Any [`AuthError`] but [`AuthError::SignatureDoesNotMatch`]: nothing is
/// calculated here.
pub fn parse(parts: &RequestParts<'_>) -> Result<Presented, AuthError> {
    let mut authorizations = parts.headers.get_all("authorization").iter();
    match (authorizations.next(), authorizations.next()) {
        (Some(only), None) => parse_header(parts, only.as_bytes()),
        (Some(_), Some(_)) => Err(AuthError::InvalidAuthorization(
            "send one Authorization header, not several",
        )),
        (None, _) => parse_presigned(parts),
    }
}

fn parse_header(parts: &RequestParts<'_>, value: &[u8]) -> Result<Presented, AuthError> {
    let text = std::str::from_utf8(value)
        .map_err(|_| AuthError::InvalidAuthorization("the Authorization header is not text"))?;
    let rest = text
        .trim_start()
        .strip_prefix(ALGORITHM)
        .filter(|rest| rest.starts_with([' ', '\t']))
        .ok_or(AuthError::InvalidAuthorization(
            "the Authorization header must start with HMAC-SHA256 and a blank",
        ))?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        // Unknown fields are for other readers: one client adds SignedQueries.
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let field = match name.trim() {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => continue,
        };
        if field.replace(value.trim()).is_some() {
            return Err(AuthError::InvalidAuthorization(
                "a field of the Authorization header is given twice",
            ));
        }
    }
    let (access_key, scope) = parse_credential(credential.ok_or(
        AuthError::InvalidAuthorization("the Authorization header lacks Credential="),
    )?)?;
    let signature = present(signature).ok_or(AuthError::MissingSignature)?;
    let signed_headers = signed_headers.ok_or(AuthError::InvalidAuthorization(
        "the Authorization header lacks SignedHeaders=",
    ))?;
    let x_date = header_text(parts, "x-date").ok_or(AuthError::MissingTimestamp)?;
    if !signed_headers
        .split(';')
        .any(|name| name.trim().eq_ignore_ascii_case("x-date"))
    {
        return Err(AuthError::InvalidAuthorization(
            "the SignedHeaders must include x-date",
        ));
    }
    let signed_at_unix_s = checked_date(&x_date, &scope)?;
    let query = QueryFields::read(parts.raw_query);
    Ok(Presented {
        mode: Mode::Header,
        access_key,
        scope,
        x_date,
        signed_at_unix_s,
        expires_s: parse_expires(query.expires.as_deref())?,
        security_token: header_text(parts, "x-security-token").or(query.security_token),
        signed_headers: signed_headers.to_owned(),
        signed_queries: None,
        signature: signature.to_owned(),
    })
}

fn parse_presigned(parts: &RequestParts<'_>) -> Result<Presented, AuthError> {
    let query = QueryFields::read(parts.raw_query);
    if query.signature.is_none() && query.algorithm.is_none() {
        return Err(AuthError::MissingAuthenticationToken);
    }
    if query.repeated {
        return Err(AuthError::InvalidAuthorization(
            "a signature parameter of the query is given twice",
        ));
    }
    if query.algorithm.as_deref().is_some_and(|it| it != ALGORITHM) {
        return Err(AuthError::InvalidAuthorization(
            "X-Algorithm must be HMAC-SHA256",
        ));
    }
    let credential = query.credential.ok_or(AuthError::InvalidCredential(
        "the presigned query lacks X-Credential",
    ))?;
    let (access_key, scope) = parse_credential(&credential)?;
    let signature = present(query.signature.as_deref()).ok_or(AuthError::MissingSignature)?;
    let x_date = query.x_date.ok_or(AuthError::MissingTimestamp)?;
    let signed_at_unix_s = checked_date(&x_date, &scope)?;
    Ok(Presented {
        mode: Mode::Presigned,
        access_key,
        scope,
        signed_at_unix_s,
        x_date,
        expires_s: parse_expires(query.expires.as_deref())?,
        security_token: query.security_token,
        signed_headers: query.signed_headers.unwrap_or_default(),
        signed_queries: query.signed_queries.as_deref().map(names),
        signature: signature.to_owned(),
    })
}

/// The parameters of a query that speak of its signature. Their names are
/// written one way by every client, so case matters here.
#[derive(Default)]
struct QueryFields {
    algorithm: Option<String>,
    credential: Option<String>,
    x_date: Option<String>,
    expires: Option<String>,
    signed_headers: Option<String>,
    signed_queries: Option<String>,
    signature: Option<String>,
    security_token: Option<String>,
    repeated: bool,
}

impl QueryFields {
    fn read(raw_query: &str) -> Self {
        let mut fields = Self::default();
        for (name, value) in percent::raw_pairs(raw_query.as_bytes()) {
            let field = match percent::decode_form(name).as_slice() {
                b"X-Algorithm" => &mut fields.algorithm,
                b"X-Credential" => &mut fields.credential,
                b"X-Date" => &mut fields.x_date,
                b"X-Expires" => &mut fields.expires,
                b"X-SignedHeaders" => &mut fields.signed_headers,
                b"X-SignedQueries" => &mut fields.signed_queries,
                b"X-Signature" => &mut fields.signature,
                b"X-Security-Token" => &mut fields.security_token,
                _ => continue,
            };
            let value = String::from_utf8_lossy(&percent::decode_form(value)).into_owned();
            fields.repeated |= field.replace(value).is_some();
        }
        fields
    }
}

fn parse_credential(text: &str) -> Result<(String, Scope), AuthError> {
    let fields: Vec<&str> = text.split('/').collect();
    let [access_key, date, region, service, "request"] = fields[..] else {
        return Err(AuthError::InvalidCredential(
            "a credential is <access key>/<YYYYMMDD>/<region>/<service>/request",
        ));
    };
    if !is_name(access_key, |byte| byte.is_ascii_graphic()) {
        return Err(AuthError::InvalidCredential(
            "the access key in the credential is empty, too long or holds odd characters",
        ));
    }
    if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AuthError::InvalidCredential(
            "the credential's date must be written YYYYMMDD",
        ));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !is_name(region, plain) {
        return Err(AuthError::InvalidCredential(
            "the credential's region must be letters, digits and hyphens, like cn-beijing",
        ));
    }
    if !is_name(service, plain) {
        return Err(AuthError::InvalidCredential(
            "the credential's service must be vms",
        ));
    }
    if !ACCEPTED_SERVICES.contains(&service) {
        return Err(AuthError::ServiceNotFound {
            service: service.to_owned(),
        });
    }
    let scope = Scope {
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    Ok((access_key.to_owned(), scope))
}

fn checked_date(x_date: &str, scope: &Scope) -> Result<i64, AuthError> {
    let unix_s = parse_x_date(x_date).ok_or(AuthError::InvalidTimestamp(
        "X-Date must be UTC and written like 20250603T112142Z",
    ))?;
    if !x_date.starts_with(&scope.date) {
        return Err(AuthError::InvalidTimestamp(
            "the date in the credential must be the day of X-Date",
        ));
    }
    Ok(unix_s)
}

fn parse_expires(text: Option<&str>) -> Result<Option<i64>, AuthError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(seconds) if seconds > 0 => Ok(Some(seconds.min(MAX_EXPIRES_S))),
        _ => Err(AuthError::InvalidTimestamp(
            "X-Expires must be a number of seconds above zero",
        )),
    }
}

fn header_text(parts: &RequestParts<'_>, name: &str) -> Option<String> {
    let value = super::canonical::header_value(parts, name)?;
    present(Some(String::from_utf8_lossy(&value).trim())).map(str::to_owned)
}

fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn names(list: &str) -> Vec<String> {
    list.split(';')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn is_name(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(allowed)
}
