//! The carrier that is called: it says that the phone rings and answers at once.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::message::{Came, describe, read, with_body};

/// How long until an answer without ACK is sent again (RFC 3261 §13.3.1.4: T1).
const REPEAT: Duration = Duration::from_millis(500);

/// How often an answer is sent.
const SENDS_MAX: u32 = 6;

/// What it did.
#[derive(Default)]
pub(crate) struct Answered {
    /// Calls that rang.
    pub(crate) rang: u64,
    /// Answers that had to be sent again.
    pub(crate) repeated: u64,
    /// BYEs.
    pub(crate) hung_up: u64,
}

struct Unacknowledged {
    answer: String,
    sends: u32,
}

pub(crate) struct Callee<'a> {
    socket: &'a UdpSocket,
    sound: SocketAddr,
    /// Where the server wants the sound of each call.
    sounds: Mutex<Vec<SocketAddr>>,
}

impl<'a> Callee<'a> {
    pub(crate) fn new(socket: &'a UdpSocket, sound: SocketAddr) -> Self {
        let sounds = Mutex::default();
        Self {
            socket,
            sound,
            sounds,
        }
    }

    /// Where the server wants the sound of the calls that rang.
    pub(crate) fn sounds(&self) -> Vec<SocketAddr> {
        self.told().clone()
    }

    fn told(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.sounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers whatever comes until it is over.
    pub(crate) fn run(&self, over: &AtomicBool) -> Result<Answered> {
        let own = self.socket.local_addr()?;
        let sdp = describe(self.sound);
        let mut done = Answered::default();
        let mut waiting: HashMap<String, Unacknowledged> = HashMap::new();
        let mut due: VecDeque<(Instant, String, SocketAddr)> = VecDeque::new();
        let mut buffer = vec![0; 65_536];
        while !over.load(Relaxed) {
            let now = Instant::now();
            while due.front().is_some_and(|(at, ..)| *at <= now) {
                let Some((_, call_id, peer)) = due.pop_front() else {
                    break;
                };
                let Some(unacknowledged) = waiting.get_mut(&call_id) else {
                    continue;
                };
                unacknowledged.sends += 1;
                done.repeated += 1;
                self.send(&unacknowledged.answer, peer)?;
                if unacknowledged.sends < SENDS_MAX {
                    due.push_back((now + REPEAT, call_id, peer));
                }
            }
            let (length, peer) = match self.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if is_quiet(error.kind()) => continue,
                Err(error) => return Err(error.into()),
            };
            let Some(Came::Request {
                method,
                call_id,
                echoed,
                has_to_tag,
                sound,
            }) = read(&buffer[..length])
            else {
                continue;
            };
            let head = |status: &str| {
                let tag = if has_to_tag { "" } else { ";tag=callee" };
                format!("SIP/2.0 {status}\r\n{echoed}{tag}\r\nContact: <sip:callee@{own}>\r\n")
            };
            match method.as_str() {
                "INVITE" => {
                    let ok = with_body(head("200 OK"), &sdp);
                    let is_new = !waiting.contains_key(&call_id);
                    if is_new {
                        done.rang += 1;
                        self.told().extend(sound);
                        self.send(&with_body(head("180 Ringing"), ""), peer)?;
                        due.push_back((now + REPEAT, call_id.clone(), peer));
                    }
                    self.send(&ok, peer)?;
                    let (answer, sends) = (ok, 1);
                    waiting.insert(call_id, Unacknowledged { answer, sends });
                }
                "ACK" => {
                    waiting.remove(&call_id);
                }
                _ => {
                    done.hung_up += u64::from(method == "BYE");
                    self.send(&with_body(head("200 OK"), ""), peer)?;
                }
            }
        }
        Ok(done)
    }

    fn send(&self, text: &str, peer: SocketAddr) -> Result<()> {
        self.socket.send_to(text.as_bytes(), peer)?;
        Ok(())
    }
}

/// Nothing came, or a port was closed at the other end.
pub(crate) fn is_quiet(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused
    )
}
