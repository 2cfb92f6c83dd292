//! Where the guard meets rsipstack: the only file of the guard that knows its types.
//!
//! - [`guarded_udp`] is a UDP transport whose datagrams are judged as they came from the wire. The
//!   stack's own parser cannot be asked afterwards: it cuts bodies to Content-Length, stops at a
//!   line that is no UTF-8 and forgets what it skipped.
//! - [`StreamGuard`] judges what came by TCP, where the stack has already cut the stream into
//!   messages by their Content-Length. What comes by TLS is judged before that, by the stream.
//! - [`KnownSources`] closes streams of strangers when they are accepted, and keeps the stack from
//!   answering their keep-alives.
//! - [`OutgoingGate`] takes off every header field that may not leave us.
//!
//! The stack logs whole messages at `info` and `debug`; real numbers stand in them. The server
//! keeps `rsipstack` out of the log.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axbridge_domain::trunk::Transport;
use rsipstack::{
    platform::net::UdpSocket as StackUdpSocket,
    sip::{HasHeaders, SipMessage, Transport as StackTransport},
    transaction::endpoint::{MessageInspector, TransportEventInspector},
    transport::{SipAddr, SipConnection, TransportEvent, TransportWhitelist, udp::UdpConnection},
};
use tokio::{net::UdpSocket, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::{Cause, Guard, Verdict};
use crate::{identity::is_allowed_outside, message};

/// A keep-alive that is answered with half of it (RFC 5626 §4.4.1).
const PING: &[u8] = b"\r\n\r\n";

/// A UDP transport that hands on only what the guard lets in.
///
/// # Errors
/// If the socket has no local address.
pub async fn guarded_udp(
    socket: UdpSocket,
    external: Option<SocketAddr>,
    guard: Arc<Guard>,
    cancel: CancellationToken,
) -> rsipstack::Result<UdpConnection> {
    let guarded = GuardedUdp { socket, guard };
    UdpConnection::from_socket(Arc::new(guarded), external, Some(cancel)).await
}

#[derive(Debug)]
struct GuardedUdp {
    socket: UdpSocket,
    guard: Arc<Guard>,
}

#[async_trait]
impl StackUdpSocket for GuardedUdp {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (length, source) = self.socket.recv_from(buffer).await?;
            if let Some(length) = self.let_in(buffer, length, source) {
                return Ok((length, source));
            }
        }
    }

    async fn send_to(&self, message: &[u8], target: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(message, target).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

impl GuardedUdp {
    /// Judges a datagram; the length of what the stack gets, if it gets anything.
    fn let_in(&self, buffer: &mut [u8], length: usize, source: SocketAddr) -> Option<usize> {
        let datagram = &buffer[..length];
        if datagram.iter().all(u8::is_ascii_whitespace) {
            let is_known = self.guard.knows(source.ip());
            return (is_known && datagram == PING).then_some(length);
        }
        // A datagram that fills the buffer was cut off.
        if length == buffer.len() {
            self.guard.count(Cause::TooLong);
            return None;
        }
        let now_ms = self.guard.now_ms();
        let (verdict, reply) =
            self.guard
                .judge_with_reply(datagram, source, Transport::Udp, now_ms);
        if let Some(reply) = reply {
            // Lost like any datagram if the socket is full; the sender repeats itself.
            let _ = self.socket.try_send_to(&reply, source);
        }
        match verdict {
            Verdict::Accept { facts, .. } if facts.length_missing => with_length(buffer, length)
                .or_else(|| {
                    self.guard.count(Cause::TooLong);
                    None
                }),
            Verdict::Accept { .. } => Some(length),
            Verdict::Drop(_) | Verdict::Refuse(_) => None,
        }
    }
}

/// Writes the Content-Length that a datagram left out; without it the stack would read no body.
/// `None` if it does not fit.
fn with_length(buffer: &mut [u8], length: usize) -> Option<usize> {
    let halves = message::halves(&buffer[..length]).ok()?;
    let body = halves.rest.len();
    if body == 0 {
        return Some(length);
    }
    let field = format!("\r\nContent-Length: {body}");
    let tail = length - body - message::HEAD_END.len();
    let new_length = length + field.len();
    if new_length > buffer.len() {
        return None;
    }
    buffer.copy_within(tail..length, tail + field.len());
    buffer[tail..tail + field.len()].copy_from_slice(field.as_bytes());
    Some(new_length)
}

/// Answers to streams that may wait to be written at once; a peer that does not read holds up
/// only these.
const STREAM_REPLIES_MAX: usize = 64;

/// How long an answer to a stream may take.
const STREAM_REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Judges what came by a stream, before the stack looks at it.
#[derive(Debug)]
pub struct StreamGuard {
    guard: Arc<Guard>,
    replies: Arc<Semaphore>,
}

impl StreamGuard {
    /// For an endpoint's transport inspector.
    #[must_use]
    pub fn new(guard: Arc<Guard>) -> Self {
        Self {
            guard,
            replies: Arc::new(Semaphore::new(STREAM_REPLIES_MAX)),
        }
    }

    fn let_in(&self, message: &SipMessage, connection: &SipConnection, from: &SipAddr) -> bool {
        let Ok(source) = from.get_socketaddr() else {
            self.guard.count(Cause::Stranger);
            return false;
        };
        let transport = match from.r#type {
            Some(StackTransport::Tcp) => Transport::Tcp,
            // Datagrams were judged at the socket, where they were whole, and so were messages in
            // TLS where they were decrypted.
            _ => return self.guard.knows(source.ip()),
        };
        let now_ms = self.guard.now_ms();
        let bytes = message.to_bytes();
        let (verdict, reply) = self
            .guard
            .judge_with_reply(&bytes, source, transport, now_ms);
        if let Some(reply) = reply {
            self.send(&reply, connection);
        }
        matches!(verdict, Verdict::Accept { .. })
    }

    /// In a task of its own: the stack reads nothing else while an inspector works.
    fn send(&self, reply: &[u8], connection: &SipConnection) {
        let Ok(reply) = SipMessage::try_from(reply) else {
            return;
        };
        let Ok(permit) = Arc::clone(&self.replies).try_acquire_owned() else {
            return;
        };
        let connection = connection.clone();
        tokio::spawn(async move {
            let sent = connection.send(reply, None);
            // A stream that takes nothing is found dead by the stack.
            let _ = tokio::time::timeout(STREAM_REPLY_TIMEOUT, sent).await;
            drop(permit);
        });
    }
}

#[async_trait]
impl TransportEventInspector for StreamGuard {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        match &event {
            TransportEvent::Incoming(message, connection, from) => {
                self.let_in(message, connection, from).then_some(event)
            }
            TransportEvent::New(_) | TransportEvent::Closed(_) => Some(event),
        }
    }
}

/// Lets only trunks connect.
#[derive(Debug)]
pub struct KnownSources(pub Arc<Guard>);

#[async_trait]
impl TransportWhitelist for KnownSources {
    async fn allow(&self, source: IpAddr) -> bool {
        let is_known = self.0.knows(source);
        if !is_known {
            self.0.count(Cause::Stranger);
        }
        is_known
    }
}

/// The last look at what leaves us.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutgoingGate;

impl MessageInspector for OutgoingGate {
    fn before_send(&self, mut message: SipMessage, _to: Option<&SipAddr>) -> SipMessage {
        message
            .headers_mut()
            .retain(|header| is_allowed_outside(header.name()));
        message
    }

    fn after_received(&self, message: SipMessage, _from: Option<&SipAddr>) -> SipMessage {
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_length_is_written_and_the_body_kept() {
        let text = "\r\nINVITE sip:x@y SIP/2.0\r\nTo: z\r\n\r\nv=0\r\n\r\nmore";
        let mut buffer = vec![0; 200];
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        let length = with_length(&mut buffer, text.len()).expect("it fits");
        let expected =
            "\r\nINVITE sip:x@y SIP/2.0\r\nTo: z\r\nContent-Length: 11\r\n\r\nv=0\r\n\r\nmore";
        assert_eq!(std::str::from_utf8(&buffer[..length]), Ok(expected));
        assert_eq!(with_length(&mut buffer[..text.len() + 5], text.len()), None);
    }

    #[test]
    fn only_listed_fields_leave() {
        let text = "BYE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
                    From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\n\
                    Reason: SIP;cause=200\r\nWarning: 399 13700000001 \"x\"\r\nX-Caller: 13700000001\r\n\r\n";
        let message = SipMessage::try_from(text.as_bytes()).expect("a message");
        let sent = OutgoingGate.before_send(message, None).to_string();
        assert!(sent.contains("CSeq: 1 BYE"), "{sent}");
        for gone in ["Reason", "Warning", "X-Caller", "13700000001"] {
            assert!(!sent.contains(gone), "{sent}");
        }
    }
}
