//! What makes a message whole: the checks that RFC 3261 §8.1.3 and §8.2 ask of an endpoint and
//! that the stack leaves to us. Order of §8.2: syntax, method, header fields, content.

use axbridge_domain::{
    phone::PhoneNumber,
    trunk::{Transport, Trunk},
};

use super::{ALLOWED_METHODS, Cause, Refusal};
use crate::identity::dialled_number;
use crate::message::{
    Flaw, Message, NameAddr, Scheme, StartLine, Uri, UriFlaw, VIAS_MAX, Via, decimal, is_token,
};
use crate::sdp::{self, SdpFlaw};

/// The extensions that a peer may require (RFC 3262, RFC 4028).
pub const SUPPORTED_EXTENSIONS: [&str; 2] = ["100rel", "timer"];

/// The type of a session description.
const SDP_TYPE: &str = "application/sdp";

/// Types of an INFO that carries a digit (no RFC; vendors' practice), read or ignored.
const INFO_TYPES: [&str; 2] = ["application/dtmf-relay", "application/dtmf"];

/// The longest Call-ID, branch or tag that is kept, in bytes.
const ID_BYTES_MAX: usize = 512;

/// What was read from a message that is let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Where a new call goes: the number dialled, of an INVITE that starts a call.
    pub new_call_to: Option<PhoneNumber>,
    /// Whether it is a request that neither starts a call nor belongs to one.
    pub is_of_no_call: bool,
    /// Hops that are left. A call that goes on must be made with one less (RFC 7332 §5).
    pub max_forwards: Option<u8>,
    /// Whether the body's length had to be guessed, because Content-Length was left out (allowed
    /// over UDP, §20.14); the stack would read no body at all.
    pub length_missing: bool,
}

/// A message that is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turned {
    /// In silence.
    Away(Cause),
    /// With an answer.
    Down(Refusal),
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Self {
        Self::Down(refusal)
    }
}

type Checked<T = ()> = Result<T, Turned>;

fn bad(reason: &'static str, cause: Cause) -> Turned {
    Refusal::new(400, reason, cause).into()
}

pub(super) const fn cause_of(flaw: Flaw) -> Cause {
    match flaw {
        Flaw::TooLong => Cause::TooLong,
        Flaw::NoHeadEnd | Flaw::StartLine | Flaw::HeaderLine => Cause::NotSip,
        Flaw::StrayControl => Cause::StrayControl,
        Flaw::TooManyHeaders | Flaw::HeaderTooLong => Cause::HeaderLimit,
    }
}

pub(super) fn whole_message(
    message: &Message<'_>,
    is_utf8: bool,
    transport: Transport,
    trunk: &Trunk,
) -> Checked<Facts> {
    match message.start {
        StartLine::Response { version, code } => response(message, is_utf8, version, code),
        StartLine::Request {
            method,
            uri,
            version,
        } => {
            if !version.eq_ignore_ascii_case("SIP/2.0") {
                return Err(Refusal::new(505, "Version Not Supported", Cause::Version).into());
            }
            if !is_utf8 {
                return Err(bad("Header Fields Must Be UTF-8", Cause::NotUtf8));
            }
            request(message, method, uri, transport, trunk)
        }
    }
}

fn request(
    message: &Message<'_>,
    method: &str,
    uri: &str,
    transport: Transport,
    trunk: &Trunk,
) -> Checked<Facts> {
    once_each(message)?;
    let uri = request_uri(uri, transport)?;
    vias(message)?;
    let to_tag = parties(message)?;
    sequence(message, method)?;
    call_id(message)?;
    let length_missing = content_length(message, transport)?;
    let max_forwards = max_forwards(message)?;
    other_forms(message)?;
    known_method(method)?;
    let starts_call = method == "INVITE" && !to_tag;
    if starts_call && max_forwards == 0 {
        return Err(Refusal::new(483, "Too Many Hops", Cause::TooManyHops).into());
    }
    // An ACK cannot be refused, a CANCEL must not ask for anything (§8.2.2.3).
    if !matches!(method, "ACK" | "CANCEL") {
        extensions(message)?;
    }
    content(message, method)?;
    let mut facts = Facts {
        new_call_to: None,
        // CANCEL and ACK belong to an INVITE without having the tag of its other end.
        is_of_no_call: !to_tag && !matches!(method, "INVITE" | "ACK" | "CANCEL"),
        max_forwards: Some(max_forwards),
        length_missing,
    };
    if starts_call {
        // A body that ends early is a description of something else.
        if bytes_after_body(message) > 0 {
            return Err(bad(
                "Content-Length Is Shorter Than The Body",
                Cause::ContentLength,
            ));
        }
        accepts_sdp(message)?;
        if !trunk.inbound {
            let refusal = Refusal::new(403, "No Calls Are Taken From Here", Cause::Outbound);
            return Err(refusal.into());
        }
        let to = message.first("To").unwrap_or_default();
        let number = dialled_number(trunk.dialled_in, &uri, to);
        facts.new_call_to = Some(number.ok_or_else(|| {
            Turned::from(Refusal::new(
                404,
                "Dialled Number Is Not A Number",
                Cause::DialledForm,
            ))
        })?);
    }
    Ok(facts)
}

/// The fields that must be there, and those that must not be there twice (§7.3.1, §8.1.1).
fn once_each(message: &Message<'_>) -> Checked {
    const NEEDED: [(&str, &str); 5] = [
        ("From", "From Is Missing"),
        ("To", "To Is Missing"),
        ("Call-ID", "Call-ID Is Missing"),
        ("CSeq", "CSeq Is Missing"),
        ("Max-Forwards", "Max-Forwards Is Missing"),
    ];
    const ONCE: [&str; 5] = [
        "Content-Length",
        "Content-Type",
        "Session-Expires",
        "Min-SE",
        "RAck",
    ];
    for (name, reason) in NEEDED {
        if message.first(name).is_none() {
            return Err(bad(reason, Cause::HeaderMissing));
        }
    }
    let repeated = NEEDED
        .iter()
        .map(|(name, _)| *name)
        .chain(ONCE)
        .any(|name| message.all(name).nth(1).is_some());
    match repeated {
        true => Err(bad("A Header Field Is There Twice", Cause::HeaderRepeated)),
        false => Ok(()),
    }
}

fn vias(message: &Message<'_>) -> Checked {
    let unreadable = || bad("Via Cannot Be Read", Cause::Via);
    let mut hops = message.list("Via");
    let top = hops
        .next()
        .ok_or_else(|| bad("Via Is Missing", Cause::HeaderMissing))?;
    let top = Via::parse(top).map_err(|_| unreadable())?;
    let has_branch = top.has_usable_branch()
        && top
            .branch
            .is_some_and(|branch| branch.len() <= ID_BYTES_MAX);
    if top.version != "2.0" || !has_branch {
        return Err(unreadable());
    }
    let mut count = 1;
    for hop in hops {
        count += 1;
        if count > VIAS_MAX {
            return Err(bad("Too Many Via Header Fields", Cause::HeaderLimit));
        }
        Via::parse(hop).map_err(|_| unreadable())?;
    }
    Ok(())
}

/// Reads From, To and Contact; says whether To has a tag, which makes it a request in a dialog.
fn parties(message: &Message<'_>) -> Checked<bool> {
    let read = |name: &'static str, reason| {
        let value = message.first(name).unwrap_or_default();
        let named = NameAddr::parse(value).map_err(|_| bad(reason, Cause::Address))?;
        match named.parsed_uri() {
            Ok(_) | Err(UriFlaw::Scheme) => Ok(named),
            Err(UriFlaw::EscapedNul) => Err(bad(reason, Cause::EscapedNul)),
            Err(UriFlaw::Form) => Err(bad(reason, Cause::Address)),
        }
    };
    let from = read("From", "From Cannot Be Read")?;
    let to = read("To", "To Cannot Be Read")?;
    if from.tag().is_none_or(|tag| tag.len() > ID_BYTES_MAX) {
        return Err(bad("From Has No Tag", Cause::Address));
    }
    if to.parameter("tag").is_some() && to.tag().is_none() {
        return Err(bad("To Cannot Be Read", Cause::Address));
    }
    let sets_target = matches!(message.method(), Some("INVITE" | "UPDATE"));
    let mut contacts = 0;
    for contact in message.list("Contact") {
        contacts += 1;
        // Requests of the dialog go there (§12.1.1, §12.2.1.2), so it must be a place.
        let readable = NameAddr::parse(contact)
            .is_ok_and(|contact| !sets_target || contact.parsed_uri().is_ok());
        if !readable {
            return Err(bad("Contact Cannot Be Read", Cause::Address));
        }
    }
    if message.method() == Some("INVITE") && contacts != 1 {
        return Err(bad("Contact Must Be There Once", Cause::Address));
    }
    Ok(to.tag().is_some())
}

fn sequence(message: &Message<'_>, method: &str) -> Checked {
    let value = message.first("CSeq").unwrap_or_default();
    let (number, of_method) = split_words(value);
    // Below 2^31 (§8.1.1.5).
    if decimal(number).is_none_or(|number| number >= 1 << 31) {
        return Err(bad(
            "CSeq Must Be A Number Below 2^31 And The Method",
            Cause::CSeq,
        ));
    }
    if of_method != method {
        return Err(bad("CSeq Is Of Another Method", Cause::CSeq));
    }
    Ok(())
}

fn split_words(value: &str) -> (&str, &str) {
    let (first, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    (first, rest.trim_start())
}

fn call_id(message: &Message<'_>) -> Checked {
    let value = message.first("Call-ID").unwrap_or_default();
    let is_one_word = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    match is_one_word && value.len() <= ID_BYTES_MAX {
        true => Ok(()),
        false => Err(bad("Call-ID Must Be One Word", Cause::CallId)),
    }
}

/// Content-Length must be a number and not promise more than there is; says whether it is
/// missing. A stream is framed by it, so there it must not be (§18.3).
fn content_length(message: &Message<'_>, transport: Transport) -> Checked<bool> {
    let wrong = |reason| Err(bad(reason, Cause::ContentLength));
    match message.declared_length() {
        Err(_) => wrong("Content-Length Is Not A Length"),
        Ok(Some(length)) if length > message.rest.len() => {
            wrong("Content-Length Is Longer Than The Body")
        }
        Ok(Some(_)) => Ok(false),
        Ok(None) if transport == Transport::Udp => Ok(true),
        Ok(None) => wrong("Content-Length Is Missing"),
    }
}

fn bytes_after_body(message: &Message<'_>) -> usize {
    let after = message.rest.get(message.body().len()..).unwrap_or_default();
    after
        .iter()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .count()
}

fn max_forwards(message: &Message<'_>) -> Checked<u8> {
    let value = message.first("Max-Forwards").unwrap_or_default();
    let number = decimal(value).and_then(|number| u8::try_from(number).ok());
    number.ok_or_else(|| bad("Max-Forwards Must Be 0 To 255", Cause::MaxForwards))
}

/// Fields whose wrong form says that the sender is confused (RFC 4475 §3.1.2).
fn other_forms(message: &Message<'_>) -> Checked {
    let wrong = |reason| Err(bad(reason, Cause::HeaderForm));
    // §20.17: GMT, and nothing else.
    if message
        .first("Date")
        .is_some_and(|date| !date.ends_with(" GMT"))
    {
        return wrong("Date Must End With GMT");
    }
    let seconds = |name| {
        let value: Option<&str> = message.first(name);
        value.is_none_or(|value| {
            let number = value.split(';').next().unwrap_or_default().trim();
            decimal(number).is_some_and(|number| number <= u64::from(u32::MAX))
        })
    };
    if !seconds("Expires") || !seconds("Session-Expires") || !seconds("Min-SE") {
        return wrong("Expires, Session-Expires And Min-SE Must Be Seconds");
    }
    Ok(())
}

fn known_method(method: &str) -> Checked {
    match method {
        "INVITE" | "ACK" | "BYE" | "CANCEL" | "OPTIONS" | "PRACK" | "UPDATE" | "INFO" => Ok(()),
        "REGISTER" | "SUBSCRIBE" | "NOTIFY" | "REFER" | "PUBLISH" | "MESSAGE" => {
            let refusal = Refusal::new(405, "Method Not Allowed", Cause::MethodNotAllowed);
            Err(refusal.with("Allow", ALLOWED_METHODS).into())
        }
        _ => {
            let refusal = Refusal::new(501, "Not Implemented", Cause::UnknownMethod);
            Err(refusal.with("Allow", ALLOWED_METHODS).into())
        }
    }
}

fn request_uri(text: &str, transport: Transport) -> Checked<Uri<'_>> {
    let scheme = || {
        Turned::from(Refusal::new(
            416,
            "Unsupported URI Scheme",
            Cause::UriScheme,
        ))
    };
    let uri = Uri::parse(text).map_err(|flaw| match flaw {
        UriFlaw::Scheme => scheme(),
        UriFlaw::EscapedNul => bad("Request-URI Holds A NUL", Cause::EscapedNul),
        UriFlaw::Form => bad("Request-URI Cannot Be Read", Cause::RequestUri),
    })?;
    match uri.scheme {
        Scheme::Sips if transport != Transport::Tls => Err(scheme()),
        _ => Ok(uri),
    }
}

fn extensions(message: &Message<'_>) -> Checked {
    let is_known = |tag: &str| {
        let mut known = SUPPORTED_EXTENSIONS.iter();
        known.any(|supported| supported.eq_ignore_ascii_case(tag))
    };
    let unknown: Vec<&str> = message
        .list("Require")
        .filter(|tag| !tag.is_empty() && !is_known(tag))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    if !unknown.iter().all(|tag| is_token(tag)) {
        return Err(bad("Require Cannot Be Read", Cause::HeaderForm));
    }
    let refusal = Refusal::new(420, "Bad Extension", Cause::Extension);
    Err(refusal.with("Unsupported", unknown.join(", ")).into())
}

/// The body must be what we read (§8.2.3).
fn content(message: &Message<'_>, method: &str) -> Checked {
    let body = message.body();
    if body.is_empty() {
        return Ok(());
    }
    let refusal = || Refusal::new(415, "Unsupported Media Type", Cause::ContentType);
    // 415 says what would have been accepted (§21.4.13).
    let encoded = message
        .list("Content-Encoding")
        .any(|encoding| !encoding.eq_ignore_ascii_case("identity"));
    if encoded {
        return Err(refusal().with("Accept-Encoding", "identity").into());
    }
    let Some(value) = message.first("Content-Type") else {
        return Err(bad("Content-Type Is Missing", Cause::ContentType));
    };
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if method == "INFO" {
        let known = INFO_TYPES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(media_type));
        return match known {
            true => Ok(()),
            false => Err(refusal().with("Accept", INFO_TYPES.join(", ")).into()),
        };
    }
    let disposition = message.first("Content-Disposition").unwrap_or("session");
    let disposition = disposition.split(';').next().unwrap_or_default().trim();
    let is_session = disposition.eq_ignore_ascii_case("session");
    if !media_type.eq_ignore_ascii_case(SDP_TYPE) || !is_session {
        return Err(refusal().with("Accept", SDP_TYPE).into());
    }
    match method {
        "INVITE" | "UPDATE" | "PRACK" | "ACK" => description(body),
        _ => Ok(()),
    }
}

fn description(body: &[u8]) -> Checked {
    match sdp::Session::parse(body) {
        Ok(session) if session.has_usable_audio() => Ok(()),
        Ok(_) => {
            Err(Refusal::new(488, "No Audio Stream That Is Spoken Here", Cause::NoAudio).into())
        }
        Err(SdpFlaw::TooLong | SdpFlaw::TooMany) => {
            Err(Refusal::new(413, "Session Description Is Too Long", Cause::BadSdp).into())
        }
        Err(_) => Err(bad("Session Description Cannot Be Read", Cause::BadSdp)),
    }
}

/// A call cannot be answered without a session description (RFC 4475 §3.3.10).
fn accepts_sdp(message: &Message<'_>) -> Checked {
    if message.first("Accept").is_none() {
        return Ok(());
    }
    let accepted = message.list("Accept").any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        [SDP_TYPE, "application/*", "*/*"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(range))
    });
    match accepted {
        true => Ok(()),
        false => Err(Refusal::new(406, "Not Acceptable", Cause::NotAcceptable).into()),
    }
}

/// A response is dropped if it cannot be to a request of ours; nobody can be told.
fn response(message: &Message<'_>, is_utf8: bool, version: &str, code: &str) -> Checked<Facts> {
    let dropped = |cause| Err(Turned::Away(cause));
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return dropped(Cause::Version);
    }
    let in_range = decimal(code).is_some_and(|code| (100..700).contains(&code));
    let needed = ["From", "To", "Call-ID", "CSeq"];
    let complete = needed.iter().all(|name| message.all(name).count() == 1);
    // With a second hop it was meant for somebody else (§8.1.3.3).
    let mut hops = message.list("Via");
    let one_hop = hops.next().is_some_and(|hop| Via::parse(hop).is_ok()) && hops.next().is_none();
    let cseq = message.first("CSeq").unwrap_or_default();
    let (number, of_method) = split_words(cseq);
    let has_cseq = decimal(number).is_some_and(|number| number < 1 << 31) && is_token(of_method);
    let length = message.declared_length();
    let has_length = matches!(length, Ok(None))
        || matches!(length, Ok(Some(length)) if length <= message.rest.len());
    let once = message.all("Content-Length").nth(1).is_none();
    if !(in_range && complete && one_hop && has_cseq && has_length && once && is_utf8) {
        return dropped(Cause::Response);
    }
    Ok(Facts {
        length_missing: matches!(length, Ok(None)),
        ..Facts::default()
    })
}
