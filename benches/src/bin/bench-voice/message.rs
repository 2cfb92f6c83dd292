//! The few messages that are needed.

use std::net::SocketAddr;

use axbridge_voice::message::{Message, StartLine, halves};

/// The Call-IDs of our calls are this and a count.
pub(crate) const CALL: &str = "bench-";

/// What is read of a message that came.
pub(crate) enum Came {
    /// A request, and the answer to it without what is ours.
    Request {
        method: String,
        call_id: String,
        echoed: String,
        has_to_tag: bool,
        sound: Option<SocketAddr>,
    },
    /// A response.
    Response {
        status: u16,
        method: String,
        call_id: String,
        to: String,
        contact: String,
        routes: Vec<String>,
        sound: Option<SocketAddr>,
    },
}

pub(crate) fn read(bytes: &[u8]) -> Option<Came> {
    let halves = halves(bytes).ok()?;
    let message = Message::read(&halves).ok()?;
    let text = |name| message.first(name).unwrap_or_default().to_owned();
    let sound = sound(message.rest);
    Some(match message.start {
        StartLine::Request { method, .. } => Came::Request {
            method: method.to_owned(),
            call_id: text("Call-ID"),
            has_to_tag: text("To").contains(";tag="),
            echoed: echoed(&message),
            sound,
        },
        StartLine::Response { code, .. } => Came::Response {
            status: code.parse().ok()?,
            method: text("CSeq").split_whitespace().nth(1)?.to_owned(),
            call_id: text("Call-ID"),
            to: text("To"),
            contact: text("Contact").trim_matches(['<', '>']).to_owned(),
            routes: message.list("Record-Route").map(str::to_owned).collect(),
            sound,
        },
    })
}

/// What an answer repeats (RFC 3261 §8.2.6.2, §12.1.1).
fn echoed(message: &Message<'_>) -> String {
    let mut text = String::with_capacity(1024);
    for name in ["Via", "Record-Route", "From", "Call-ID", "CSeq"] {
        for value in message.all(name) {
            text.extend([name, ": ", value, "\r\n"]);
        }
    }
    text.extend(["To: ", message.first("To").unwrap_or_default()]);
    text
}

/// Where a description wants its sound.
fn sound(body: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(body).ok()?;
    let line = |start| text.lines().find_map(|line| line.strip_prefix(start));
    let host = line("c=IN IP4 ")?.trim().parse().ok()?;
    let port = line("m=audio ")?.split_whitespace().next()?.parse().ok()?;
    Some(SocketAddr::new(host, port))
}

/// A description of our sound.
pub(crate) fn describe(sound: SocketAddr) -> String {
    let (host, port) = (sound.ip(), sound.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// A message with this body.
pub(crate) fn with_body(mut head: String, body: &str) -> String {
    if !body.is_empty() {
        head.push_str("Content-Type: application/sdp\r\n");
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    head
}
