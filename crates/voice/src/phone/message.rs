//! SIP messages as the phone reads and writes them: just what a softphone needs.

use std::{fmt::Write as _, net::SocketAddr};

use crate::message::{Message, NameAddr, StartLine, Uri, halves};

/// A message that came in, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Incoming {
    /// The method of a request; `None` for a response.
    pub(super) method: Option<String>,
    /// The status of a response, 0 for a request.
    pub(super) status: u16,
    pub(super) uri: String,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    /// The method that CSeq names.
    pub(super) cseq_method: String,
    pub(super) peer: SocketAddr,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Incoming {
    /// Takes a message apart; `None` for what is none.
    pub(super) fn read(bytes: &[u8], peer: SocketAddr) -> Option<Self> {
        let halves = halves(bytes).ok()?;
        let message = Message::read(&halves).ok()?;
        let (method, status, uri) = match message.start {
            StartLine::Request { method, uri, .. } => (Some(method.to_owned()), 0, uri.to_owned()),
            StartLine::Response { code, .. } => (None, code.parse().ok()?, String::new()),
        };
        let (cseq, cseq_method) = message.first("CSeq")?.split_once(' ')?;
        Some(Self {
            method,
            status,
            uri,
            call_id: message.first("Call-ID")?.to_owned(),
            cseq: cseq.parse().ok()?,
            cseq_method: cseq_method.trim().to_owned(),
            peer,
            body: message.body().to_vec(),
            headers: message
                .headers()
                .iter()
                .map(|header| (header.name.to_owned(), header.value.to_string()))
                .collect(),
        })
    }

    /// The value of the first field of that name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        fields
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The values of all fields of that name.
    pub(super) fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        let fits = move |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(fits)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn to_tag(&self) -> Option<&str> {
        tag_of(self.first("To")?)
    }

    /// The user part of the Request-URI.
    pub(super) fn dialled(&self) -> String {
        user_of(&self.uri)
    }

    /// The number that a header of this name shows; empty when there is none.
    pub(super) fn shown_in(&self, header: &str) -> String {
        let shown = self
            .first(header)
            .and_then(|value| NameAddr::parse(value).ok());
        shown.map(|name| user_of(name.uri)).unwrap_or_default()
    }

    /// Where requests of a dialog go: the URI of Contact.
    pub(super) fn contact(&self) -> Option<String> {
        let name = NameAddr::parse(self.first("Contact")?).ok()?;
        Some(name.uri.to_owned())
    }

    /// A response to this request, with our tag in To if it has none.
    pub(super) fn reply(
        &self,
        status: u16,
        reason: &str,
        tag: Option<&str>,
        more: &str,
    ) -> Vec<u8> {
        self.reply_with(status, reason, tag, more, "")
    }

    /// The same with a description.
    pub(super) fn reply_with(
        &self,
        status: u16,
        reason: &str,
        tag: Option<&str>,
        more: &str,
        body: &str,
    ) -> Vec<u8> {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
            for value in self.all(name) {
                let _ = write!(text, "{name}: {value}");
                match tag {
                    Some(tag) if name == "To" && self.to_tag().is_none() => {
                        let _ = write!(text, ";tag={tag}");
                    }
                    _ => {}
                }
                text.push_str("\r\n");
            }
        }
        text.push_str(more);
        finish(text, body)
    }
}

/// Ends the head and adds the body.
pub(super) fn finish(mut text: String, body: &str) -> Vec<u8> {
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

fn tag_of(value: &str) -> Option<&str> {
    NameAddr::parse(value).ok()?.tag()
}

/// The user part of a URI.
fn user_of(uri: &str) -> String {
    let parsed = Uri::parse(uri);
    parsed.map_or_else(|_| String::new(), |uri| uri.plain_user().into_owned())
}

/// The words behind a status.
pub(super) const fn reason(status: u16) -> &'static str {
    match status {
        180 => "Ringing",
        200 => "OK",
        404 => "Not Found",
        480 => "Temporarily Unavailable",
        486 => "Busy Here",
        487 => "Request Terminated",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:13900000004@192.0.2.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
        Record-Route: <sip:192.0.2.3;lr>\r\n\
        From: \"17000000001\" <sip:17000000001@192.0.2.2>;tag=a\r\n\
        To: <sip:13900000004@192.0.2.1>\r\n\
        Contact: <sip:192.0.2.2:5070>\r\n\
        Call-ID: c\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn an_invite_tells_who_calls_whom_and_is_answered_in_its_own_words() {
        let peer = "192.0.2.2:5070".parse().expect("an address");
        let invite = Incoming::read(INVITE, peer).expect("a message");
        assert_eq!(invite.dialled(), "13900000004");
        assert_eq!(invite.shown_in("From"), "17000000001");
        assert_eq!(invite.shown_in("P-Asserted-Identity"), "");
        assert_eq!(invite.contact().as_deref(), Some("sip:192.0.2.2:5070"));
        assert_eq!(invite.to_tag(), None);
        let reply = invite.reply(180, "Ringing", Some("b"), "");
        let reply = Incoming::read(&reply, peer).expect("a message");
        assert_eq!((reply.status, reply.cseq), (180, 7));
        assert_eq!(reply.to_tag(), Some("b"));
        assert_eq!(reply.first("Record-Route"), Some("<sip:192.0.2.3;lr>"));
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        let peer = "192.0.2.2:5070".parse().expect("an address");
        for bytes in [
            &b""[..],
            b"\r\n\r\n",
            b"hello\r\n\r\n",
            b"SIP/2.0 200 OK\r\n\r\n",
        ] {
            assert!(Incoming::read(bytes, peer).is_none());
        }
    }
}
