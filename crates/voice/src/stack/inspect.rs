//! The two places where the stack shows us messages: before anything is done with one that came
//! in, and before one goes out.

use std::{borrow::Cow, net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use axbridge_domain::trunk::Trunk;
use rsipstack::{
    sip::{HasHeaders as _, Header, Headers, Host, Param, SipMessage, Uri, typed},
    transaction::endpoint::{MessageInspector, TransportEventInspector},
    transport::{SipAddr, TransportEvent},
};

use super::message;
use crate::guard::{
    Guard,
    stack::{OutgoingGate, StreamGuard},
};

/// Names the trunk and the source inside the process; taken off whatever comes in, so that no
/// peer can write it, and never copied to anything that goes out.
pub(super) const STAMP: &str = "X-Axbridge-Came-By";

/// Stands at the transports: the guard judges, then what it let in is marked and made fit.
pub(super) struct Doorman {
    guard: Arc<Guard>,
    streams: StreamGuard,
}

impl Doorman {
    pub(super) fn new(guard: Arc<Guard>) -> Self {
        Self {
            streams: StreamGuard::new(guard.clone()),
            guard,
        }
    }
}

#[async_trait]
impl TransportEventInspector for Doorman {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        let event = self.streams.handle(event).await?;
        let TransportEvent::Incoming(mut message, connection, from) = event else {
            return Some(event);
        };
        let source = from.get_socketaddr().ok()?;
        let acl = self.guard.acl();
        let trunk = acl.trunk(source.ip())?;
        make_reachable(&mut message, trunk, source);
        let headers = message.headers_mut();
        headers.retain(|header| !header.name().eq_ignore_ascii_case(STAMP));
        headers.push(Header::Other(
            STAMP.to_owned(),
            format!("{source} {}", trunk.name),
        ));
        Some(TransportEvent::Incoming(message, connection, from))
    }
}

/// Has each Contact of what makes a dialog name where the trunk can be reached ([`reachable`]). A
/// proxy between us has its Record-Route, which decides instead. Whether one is between us in a
/// dialog that stands, the dialog knows.
fn make_reachable(message: &mut SipMessage, trunk: &Trunk, source: SocketAddr) {
    let is_in_dialog =
        matches!(message, SipMessage::Request(_)) && message::to_tag(message).is_some();
    let headers = message.headers_mut();
    let routed = headers
        .iter()
        .any(|header| matches!(header, Header::RecordRoute(_)));
    if routed || is_in_dialog {
        return;
    }
    for header in headers.iter_mut() {
        let Header::Contact(contact) = header else {
            continue;
        };
        let Ok(read) = typed::Contact::parse(contact.value()) else {
            continue;
        };
        if let Some(uri) = reachable(&read.uri, trunk, source) {
            *contact = format!("<{uri}>").into();
        }
    }
}

/// Where a target names a host that is not the trunk's, our requests go to where the message came
/// from: a trunk behind address translation cannot be reached otherwise, and no trunk may send us
/// anywhere else. `None` where it can stay as it is.
pub(super) fn reachable(target: &Uri, trunk: &Trunk, source: SocketAddr) -> Option<Uri> {
    let is_theirs = match target.host_with_port.host {
        Host::IpAddr(address) => trunk.is_from(address),
        Host::Domain(_) => false,
    };
    if is_theirs {
        return None;
    }
    let mut uri = target.clone();
    uri.host_with_port = source.into();
    uri.params.retain(|param| !matches!(param, Param::Maddr(_)));
    Some(uri)
}

/// Reads the stamp.
pub(super) fn came_by(headers: &Headers) -> Option<(SocketAddr, &str)> {
    headers
        .iter()
        .find(|header| header.name() == STAMP)
        .and_then(|header| header.value().split_once(' '))
        .and_then(|(source, trunk)| Some((source.parse().ok()?, trunk)))
}

/// Keeps what goes out to the list of what may (everything is written by us already; this is the
/// second line, over what the stack adds of itself), and writes the trace.
pub(super) struct Scribe;

impl MessageInspector for Scribe {
    fn before_send(&self, message: SipMessage, dest: Option<&SipAddr>) -> SipMessage {
        let message = OutgoingGate.before_send(message, dest);
        trace("out", &message, dest);
        message
    }

    fn after_received(&self, message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        trace("in", &message, from);
        message
    }
}

/// The target under which messages are traced, numbers masked. Off unless asked for by name.
const TRACE_TARGET: &str = "axbridge::sip";

fn trace(way: &'static str, message: &SipMessage, peer: Option<&SipAddr>) {
    if !tracing::enabled!(target: TRACE_TARGET, tracing::Level::TRACE) {
        return;
    }
    let text = message.to_bytes();
    let text = String::from_utf8_lossy(&text);
    let call_id = match message {
        SipMessage::Request(request) => header_value(&request.headers, "Call-ID"),
        SipMessage::Response(response) => header_value(&response.headers, "Call-ID"),
    };
    tracing::trace!(
        target: TRACE_TARGET,
        way,
        peer = peer.map(ToString::to_string),
        sip_call_id = call_id,
        message = %mask_numbers(&text),
    );
}

fn header_value<'a>(headers: &'a rsipstack::sip::Headers, name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|header| header.name() == name)
        .map(Header::value)
}

/// The fewest digits in a row that count as somebody's number.
const NUMBER_DIGITS_MIN: usize = 7;

/// The text with every run of digits that could be a number cut to its first three and last two.
pub(super) fn mask_numbers(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            at += 1;
        }
        if at - start >= NUMBER_DIGITS_MIN {
            let out = out.get_or_insert_with(String::new);
            out.push_str(&text[copied..start + 3]);
            out.push_str("****");
            copied = at - 2;
        }
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_shows_no_number_whole() {
        let text = "INVITE sip:13700000001@h SIP/2.0\r\nFrom: <tel:+8613700000002>;tag=42";
        assert_eq!(
            mask_numbers(text),
            "INVITE sip:137****01@h SIP/2.0\r\nFrom: <tel:+861****02>;tag=42"
        );
        assert_eq!(mask_numbers("CSeq: 1 INVITE"), "CSeq: 1 INVITE");
        assert_eq!(mask_numbers("号码13700000001"), "号码137****01");
    }
}
