//! A scripted softphone and a carrier in one: it plays any number, places calls and answers them,
//! says and hears tones and digits, and keeps every message of both directions.
//!
//! It is what tests, the demo and `axbridge phone` ring with, so that nobody needs a carrier. It
//! registers nowhere: to the platform it is the peer of a trunk. It knows nothing of the call
//! control and shares none of its code, or both would be wrong alike. UDP only.

mod call;
mod dialog;
mod ear;
mod handle;
mod message;
mod resending;
mod script;
mod sound;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::{net::UdpSocket, sync::mpsc};
use tokio_util::sync::CancellationToken;

pub use ear::Heard;
pub use handle::{CallReport, Ended, PhoneCall, Stage};
pub use script::{Answer, Say, Script};

use call::Wire;
use message::Incoming;

/// Messages that one phone keeps; later ones are counted only.
const MESSAGES_KEPT_MAX: usize = 100_000;
/// Messages that may wait for one call.
const INBOX_MAX: usize = 256;
/// Incoming calls that nobody asked for yet.
const CALLS_WAITING_MAX: usize = 1024;

/// A phone could not be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "a phone cannot listen on {address}: {source}; name an address of this machine and a free port, or port 0"
)]
pub struct PhoneError {
    /// Where.
    pub address: SocketAddr,
    /// Why not.
    pub source: std::io::Error,
}

/// A SIP message that went by.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Whether the phone sent it.
    pub sent: bool,
    /// The other end.
    pub peer: SocketAddr,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A phone that is on. Dropping it ends its calls without a word.
pub struct Phone {
    line: Arc<Line>,
    incoming: tokio::sync::Mutex<mpsc::Receiver<PhoneCall>>,
}

/// What a phone and its calls share.
struct Line {
    socket: UdpSocket,
    address: SocketAddr,
    kept: Mutex<Vec<Kept>>,
    calls: Mutex<HashMap<String, mpsc::Sender<Incoming>>>,
    scripts: Mutex<Scripts>,
    seed: AtomicU64,
    off: CancellationToken,
}

#[derive(Default)]
struct Scripts {
    by_number: HashMap<String, Script>,
    others: Script,
}

impl Phone {
    /// Switches a phone on at this address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn open(address: SocketAddr) -> Result<Self, PhoneError> {
        let fault = |source| PhoneError { address, source };
        let socket = UdpSocket::bind(address).await.map_err(fault)?;
        let bound = socket.local_addr().map_err(fault)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seed = since.map_or(1, |since| since.as_nanos() as u64);
        let line = Arc::new(Line {
            socket,
            address: bound,
            kept: Mutex::default(),
            calls: Mutex::default(),
            scripts: Mutex::default(),
            seed: AtomicU64::new(seed ^ u64::from(bound.port()).rotate_left(40)),
            off: CancellationToken::new(),
        });
        let (sender, incoming) = mpsc::channel(CALLS_WAITING_MAX);
        tokio::spawn(listen(line.clone(), sender));
        Ok(Self {
            line,
            incoming: tokio::sync::Mutex::new(incoming),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.line.address
    }

    /// What it does when this number is called.
    pub fn answer(&self, number: &str, script: Script) {
        let mut scripts = held(&self.line.scripts);
        scripts.by_number.insert(number.to_owned(), script);
    }

    /// What it does when any other number is called.
    pub fn answer_others(&self, script: Script) {
        held(&self.line.scripts).others = script;
    }

    /// Calls `to` from `from` at a server.
    pub async fn call(
        &self,
        server: SocketAddr,
        from: &str,
        to: &str,
        script: Script,
    ) -> PhoneCall {
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        let wire = Wire::new(self.line.clone(), server, inbox);
        held(&self.line.calls).insert(wire.call_id().to_owned(), sender);
        call::place(wire, from, to, script)
    }

    /// The next call that comes in, answered by its script already or about to be. `None` once the
    /// phone is off.
    pub async fn next_call(&self) -> Option<PhoneCall> {
        self.incoming.lock().await.recv().await
    }

    /// Every message so far, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Kept> {
        held(&self.line.kept).clone()
    }

    /// The same, and forgets them, so that a phone that is on for long keeps no more than it must.
    #[must_use]
    pub fn take_messages(&self) -> Vec<Kept> {
        std::mem::take(&mut *held(&self.line.kept))
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.line.off.cancel();
    }
}

impl Line {
    async fn send(&self, bytes: &[u8], peer: SocketAddr) {
        self.keep(true, peer, bytes);
        // A datagram that cannot be sent is as good as one that was lost; retransmission is the
        // answer to both.
        let _ = self.socket.send_to(bytes, peer).await;
    }

    fn keep(&self, sent: bool, peer: SocketAddr, bytes: &[u8]) {
        let mut kept = held(&self.kept);
        if kept.len() < MESSAGES_KEPT_MAX {
            kept.push(Kept {
                sent,
                peer,
                bytes: bytes.to_vec(),
            });
        }
    }

    fn script_for(&self, number: &str) -> Script {
        let scripts = held(&self.scripts);
        let found = scripts.by_number.get(number);
        found.unwrap_or(&scripts.others).clone()
    }

    /// Sixteen hex digits that no other call of this phone has.
    fn token(&self) -> String {
        let seed = self
            .seed
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mut draws = axbridge_domain::draws::Draws::from_seed(seed);
        format!("{:016x}", draws.next_u64())
    }

    fn forget(&self, call_id: &str) {
        held(&self.calls).remove(call_id);
    }
}

fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(line: Arc<Line>, incoming: mpsc::Sender<PhoneCall>) {
    let mut buffer = vec![0; crate::message::MESSAGE_BYTES_MAX];
    loop {
        let received = tokio::select! {
            received = line.socket.recv_from(&mut buffer) => received,
            () = line.off.cancelled() => return,
        };
        // On some systems a port that was closed at the other end shows as an error here.
        let Ok((length, peer)) = received else {
            continue;
        };
        line.keep(false, peer, &buffer[..length]);
        if let Some(message) = Incoming::read(&buffer[..length], peer) {
            take(&line, message, &incoming).await;
        }
    }
}

/// Hands a message to its call, or begins one.
async fn take(line: &Arc<Line>, message: Incoming, incoming: &mpsc::Sender<PhoneCall>) {
    let known = held(&line.calls).get(&message.call_id).cloned();
    if let Some(call) = known {
        // A call that does not read its messages any more is over.
        let _ = call.try_send(message);
        return;
    }
    match message.method.as_deref() {
        Some("INVITE") if message.to_tag().is_none() => {
            let (sender, inbox) = mpsc::channel(INBOX_MAX);
            held(&line.calls).insert(message.call_id.clone(), sender);
            let script = line.script_for(&message.dialled());
            let wire = Wire::new(line.clone(), message.peer, inbox);
            let _ = incoming.try_send(call::take(wire, message, script));
        }
        Some("OPTIONS") => {
            let here = message.reply(200, "OK", Some(&line.token()), "");
            line.send(&here, message.peer).await;
        }
        Some("ACK") | None => {}
        Some(_) => {
            let gone = message.reply(481, "Call/Transaction Does Not Exist", None, "");
            line.send(&gone, message.peer).await;
        }
    }
}
