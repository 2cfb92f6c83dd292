//! A carrier that calls, and whoever else sends something.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use axbridge_voice::message::{Message, StartLine, halves};
use tokio::{net::UdpSocket, time::timeout};

const BYTES_MAX: usize = 8_192;

/// How long one answer may take before its request is sent again (RFC 3261 §17: T1).
const REPEAT: Duration = Duration::from_millis(500);

/// How often a request is sent before the test fails.
const SENDS_MAX: u32 = 40;

pub(crate) struct Carrier {
    socket: UdpSocket,
    front: SocketAddr,
    next: AtomicU32,
}

/// A call that was answered for good.
pub(crate) struct Call {
    pub(crate) status: u16,
    id: u32,
    to: String,
    contact: String,
    routes: Vec<String>,
    via: String,
}

impl Call {
    /// What the answer says about the way it came.
    pub(crate) fn answer_head(&self) -> Vec<u8> {
        self.via.clone().into_bytes()
    }
}

impl Carrier {
    pub(crate) async fn start(ip: &str, front: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).await.expect("a socket");
        Self {
            socket,
            front,
            next: AtomicU32::new(1),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    fn request(&self, method: &str, id: u32, uri: &str, to: &str, more: &str) -> String {
        let own = self.address();
        let seq = if method == "BYE" { 2 } else { 1 };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{id}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13700000001@{own}>;tag=c{id}\r\nTo: {to}\r\n\
             Call-ID: {id}-{own}\r\nCSeq: {seq} {method}\r\nContact: <sip:c@{own}>\r\n{more}\
             Content-Length: 0\r\n\r\n"
        )
    }

    fn first(&self, method: &str, id: u32, more: &str) -> String {
        let uri = format!("sip:02131075869@{}", self.front);
        self.request(method, id, &uri, &format!("<{uri}>"), more)
    }

    /// Sends once and waits for nothing.
    pub(crate) async fn send(&self, method: &str, more: &str) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.put(&self.first(method, id, more)).await;
    }

    async fn put(&self, text: &str) {
        let sent = self.socket.send_to(text.as_bytes(), self.front).await;
        sent.expect("sent");
    }

    /// Sends, again and again, until there is a final answer to this very request.
    async fn ask(&self, id: u32, method: &str, text: &str) -> Vec<u8> {
        for _ in 0..SENDS_MAX {
            self.put(text).await;
            let mut buffer = vec![0; BYTES_MAX];
            while let Ok(received) = timeout(REPEAT, self.socket.recv_from(&mut buffer)).await {
                let (length, _) = received.expect("a datagram");
                if self.is_final(&buffer[..length], id, method) {
                    buffer.truncate(length);
                    return buffer;
                }
            }
        }
        panic!("{method} was never answered");
    }

    fn is_final(&self, answer: &[u8], id: u32, method: &str) -> bool {
        let halves = halves(answer).expect("a message");
        let message = Message::read(&halves).expect("a message");
        let is_ours = message.first("Call-ID") == Some(&format!("{id}-{}", self.address()))
            && message
                .first("CSeq")
                .is_some_and(|cseq| cseq.ends_with(method));
        is_ours && status_of(&message) >= 200
    }

    /// Waits until the front works.
    pub(crate) async fn until_answered(&self, method: &str) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.ask(id, method, &self.first(method, id, "")).await;
    }

    pub(crate) async fn call(&self) -> Call {
        self.call_with("").await
    }

    /// A call with further header fields in its INVITE.
    pub(crate) async fn call_with(&self, more: &str) -> Call {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let answer = self
            .ask(id, "INVITE", &self.first("INVITE", id, more))
            .await;
        let halves = halves(&answer).expect("a message");
        let message = Message::read(&halves).expect("a message");
        let text = |name| message.first(name).unwrap_or_default().to_owned();
        let contact = text("Contact").trim_matches(['<', '>']).to_owned();
        let mut routes: Vec<String> = message.list("Record-Route").map(str::to_owned).collect();
        routes.reverse();
        let call = Call {
            status: status_of(&message),
            id,
            to: text("To"),
            contact,
            routes,
            via: text("Via"),
        };
        let ack = self.in_call("ACK", &call);
        self.put(&ack).await;
        call
    }

    fn in_call(&self, method: &str, call: &Call) -> String {
        let routes = call
            .routes
            .iter()
            .map(|route| format!("Route: {route}\r\n"));
        let routes: String = routes.collect();
        self.request(method, call.id, &call.contact, &call.to, &routes)
    }

    pub(crate) async fn hang_up(&self, call: &Call) -> u16 {
        let answer = self.ask(call.id, "BYE", &self.in_call("BYE", call)).await;
        let halves = halves(&answer).expect("a message");
        status_of(&Message::read(&halves).expect("a message"))
    }

    pub(crate) fn has_heard_nothing(&self) -> bool {
        self.socket.try_recv_from(&mut [0; BYTES_MAX]).is_err()
    }
}

fn status_of(message: &Message<'_>) -> u16 {
    match message.start {
        StartLine::Response { code, .. } => code.parse().expect("a status"),
        StartLine::Request { .. } => 0,
    }
}
