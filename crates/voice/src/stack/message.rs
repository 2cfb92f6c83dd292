//! Writing and reading single messages.

use rsipstack::{
    sip::{self, Header, Method, Request, Response, StatusCode, Version},
    transaction::random_text,
};

use super::{AGENT, ALLOW};

/// Characters of a tag: 95 bits of chance.
const TAG_CHARS: usize = 16;
/// Characters of a Call-ID: 190 bits of chance, and no host.
const CALL_ID_CHARS: usize = 32;

/// A header beyond those that every message has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extra {
    /// Its name.
    pub name: &'static str,
    /// Its value, as it is written.
    pub value: String,
}

impl Extra {
    /// A header.
    #[must_use]
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
        }
    }

    pub(super) fn into_header(self) -> Header {
        sip::headers::make_header(self.name, self.value)
    }
}

pub(super) fn new_tag() -> String {
    random_text(TAG_CHARS)
}

pub(super) fn new_call_id() -> String {
    random_text(CALL_ID_CHARS)
}

/// The value of a header, if it is there.
pub(super) fn header<'a>(headers: &'a sip::Headers, name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|header| header.name().eq_ignore_ascii_case(name))
        .map(Header::value)
}

/// Whether a list header has the token.
pub(super) fn has_token(headers: &sip::Headers, name: &str, token: &str) -> bool {
    headers
        .iter()
        .filter(|header| header.name().eq_ignore_ascii_case(name))
        .flat_map(|header| header.value().split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

pub(super) fn cseq(headers: &impl sip::HeadersExt) -> Option<u32> {
    headers.cseq_header().ok()?.seq().ok()
}

pub(super) fn call_id(headers: &impl sip::HeadersExt) -> Option<&str> {
    headers.call_id_header().ok().map(sip::CallId::value)
}

pub(super) fn from_tag(headers: &impl sip::HeadersExt) -> Option<String> {
    let tag = headers.from_header().ok()?.tag().ok()??;
    Some(tag.value().to_owned())
}

pub(super) fn to_tag(headers: &impl sip::HeadersExt) -> Option<String> {
    let tag = headers.to_header().ok()?.tag().ok()??;
    Some(tag.value().to_owned()).filter(|tag| !tag.is_empty())
}

/// The target that a Contact names.
pub(super) fn contact(headers: &impl sip::HeadersExt) -> Option<sip::Uri> {
    let value = headers.contact_header().ok()?.value().to_owned();
    sip::typed::Contact::parse_header_list(&value)
        .ok()?
        .into_iter()
        .next()
        .map(|contact| contact.uri)
}

/// The addresses of the Record-Route headers, in the order of the message.
pub(super) fn record_route(headers: &sip::Headers) -> Vec<String> {
    headers
        .iter()
        .filter_map(|header| match header {
            Header::RecordRoute(route) => {
                sip::typed::RecordRoute::parse_header_list(route.value()).ok()
            }
            _ => None,
        })
        .flatten()
        .map(|route| format!("<{}>", route.uri))
        .collect()
}

/// Writes a response: of the request only what RFC 3261 §8.2.6 says must come back.
pub(super) fn response(
    request: &Request,
    status: u16,
    local_tag: Option<&str>,
    contact: Option<&str>,
    extras: Vec<Extra>,
    body: Option<(&'static str, Vec<u8>)>,
) -> Response {
    let mut headers = sip::Headers::default();
    let forms_dialog = request.method == Method::Invite && (101..300).contains(&status);
    for header in request.headers.iter() {
        match header {
            Header::Via(_) | Header::From(_) | Header::CallId(_) | Header::CSeq(_) => {
                headers.push(header.clone());
            }
            Header::RecordRoute(_) if forms_dialog => headers.push(header.clone()),
            Header::To(to) => {
                let has_tag = to_tag(request).is_some();
                headers.push(match local_tag {
                    Some(tag) if !has_tag => {
                        Header::To(sip::To::new(format!("{};tag={tag}", to.value())))
                    }
                    _ => header.clone(),
                });
            }
            _ => {}
        }
    }
    if let Some(contact) = contact {
        headers.push(Header::Contact(contact.to_owned().into()));
    }
    for extra in extras {
        headers.push(extra.into_header());
    }
    headers.push(Header::UserAgent(AGENT.into()));
    let body = push_body(&mut headers, body);
    Response {
        status_code: StatusCode::from(status),
        wire_reason: None,
        version: Version::V2,
        headers,
        body,
    }
}

/// Says which methods and extensions we take.
pub(super) fn abilities() -> [Extra; 2] {
    [
        Extra::new("Allow", ALLOW),
        Extra::new("Supported", "100rel, timer"),
    ]
}

pub(super) fn push_body(
    headers: &mut sip::Headers,
    body: Option<(&'static str, Vec<u8>)>,
) -> Vec<u8> {
    let body = match body {
        Some((kind, body)) => {
            headers.push(Header::ContentType(kind.into()));
            body
        }
        None => Vec::new(),
    };
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    headers.push(Header::ContentLength(length.into()));
    body
}

/// The kind of body that describes a session.
pub(super) const SDP: &str = "application/sdp";

/// A session description as a body, if there is one.
pub(super) fn sdp_body(sdp: Option<Vec<u8>>) -> Option<(&'static str, Vec<u8>)> {
    sdp.map(|sdp| (SDP, sdp))
}

/// Who refreshes a session (RFC 4028 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refresher {
    /// The one that sent the request.
    Uac,
    /// The one that answers it.
    Uas,
}

/// What a message says about session timers (RFC 4028) and other abilities.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Abilities {
    /// `Session-Expires`, in seconds.
    pub expires_s: Option<u32>,
    /// Its `refresher`.
    pub refresher: Option<Refresher>,
    /// `Min-SE`, in seconds.
    pub min_se_s: Option<u32>,
    /// Whether the peer knows session timers.
    pub timer: bool,
    /// Whether the peer takes UPDATE (RFC 3311).
    pub update: bool,
    /// Whether the peer insists on reliable provisional responses (RFC 3262).
    pub needs_reliable: bool,
}

pub(super) fn abilities_of(headers: &sip::Headers) -> Abilities {
    let expires = header(headers, "Session-Expires").or_else(|| header(headers, "x"));
    let mut parts = expires.unwrap_or_default().split(';').map(str::trim);
    let expires_s = parts.next().and_then(|value| value.parse().ok());
    let refresher = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("refresher") {
            return None;
        }
        match value.trim() {
            value if value.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            value if value.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        }
    });
    let min_se = header(headers, "Min-SE").unwrap_or_default();
    Abilities {
        expires_s,
        refresher,
        min_se_s: min_se
            .split(';')
            .next()
            .and_then(|value| value.trim().parse().ok()),
        timer: has_token(headers, "Supported", "timer")
            || has_token(headers, "k", "timer")
            || has_token(headers, "Require", "timer"),
        update: has_token(headers, "Allow", "UPDATE"),
        needs_reliable: has_token(headers, "Require", "100rel"),
    }
}
