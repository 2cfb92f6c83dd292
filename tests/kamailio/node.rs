//! A voice node, played: it answers as one does, or not.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axbridge_voice::message::{Message, halves};
use tokio::{net::UdpSocket, task::JoinHandle};

const BYTES_MAX: usize = 8_192;

/// How a node feels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// New calls get 503, all else goes on.
    Draining,
    /// Nothing is answered.
    Dead,
}

struct State {
    mood: Mood,
    /// Method and Call-ID of what was answered with success.
    heard: Vec<(String, String)>,
    missed: usize,
}

pub(crate) struct Node {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let address = socket.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Well,
            heard: Vec::new(),
            missed: 0,
        }));
        let task = tokio::spawn(serve(socket, address, Arc::clone(&state)));
        Self {
            address,
            state,
            task,
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state.lock().expect("not poisoned").mood = mood;
    }

    pub(crate) fn heard(&self) -> Vec<(String, String)> {
        self.state.lock().expect("not poisoned").heard.clone()
    }

    /// Calls that it took.
    pub(crate) fn calls(&self) -> usize {
        let heard = self.heard();
        heard
            .iter()
            .filter(|(method, _)| method == "INVITE")
            .count()
    }

    /// New calls that it would have got while dead, repeats counted.
    pub(crate) fn calls_missed(&self) -> usize {
        self.state.lock().expect("not poisoned").missed
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, address: SocketAddr, state: Arc<Mutex<State>>) {
    let mut buffer = vec![0; BYTES_MAX];
    loop {
        let (length, source) = socket.recv_from(&mut buffer).await.expect("a datagram");
        for answer in answers(&buffer[..length], address, &state) {
            socket
                .send_to(answer.as_bytes(), source)
                .await
                .expect("sent");
        }
    }
}

fn answers(datagram: &[u8], address: SocketAddr, state: &Mutex<State>) -> Vec<String> {
    let halves = halves(datagram).expect("a message");
    let message = Message::read(&halves).expect("a message");
    let method = message.method().unwrap_or_default();
    let mut state = state.lock().expect("not poisoned");
    match (state.mood, method) {
        (Mood::Dead, _) => {
            state.missed += usize::from(method == "INVITE");
            return Vec::new();
        }
        (_, "ACK" | "") => return Vec::new(),
        (Mood::Draining, "INVITE") => return vec![answer(&message, "503 Draining", address)],
        _ => {}
    }
    let call = message.first("Call-ID").unwrap_or_default().to_owned();
    let heard = (method.to_owned(), call);
    if method != "OPTIONS" && !state.heard.contains(&heard) {
        state.heard.push(heard);
    }
    let mut answers = vec![answer(&message, "200 OK", address)];
    if method == "INVITE" {
        answers.insert(0, answer(&message, "100 Trying", address));
    }
    answers
}

fn answer(message: &Message<'_>, status: &str, address: SocketAddr) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "Record-Route", "From", "Call-ID", "CSeq"] {
        for value in message.all(name) {
            text += &format!("{name}: {value}\r\n");
        }
    }
    let to = message.first("To").unwrap_or_default();
    let tag = if to.contains(";tag=") {
        ""
    } else {
        ";tag=node"
    };
    text + &format!("To: {to}{tag}\r\nContact: <sip:x@{address}>\r\nContent-Length: 0\r\n\r\n")
}
