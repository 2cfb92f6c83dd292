//! The carrier that calls.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::callee::is_quiet;
use super::message::{CALL, Came, describe, read, with_body};

/// How long until a request without an answer is sent again (RFC 3261 §17.1: T1, doubled).
const REPEAT: Duration = Duration::from_millis(500);

/// How often a request is sent before the call has failed.
const SENDS_MAX: u32 = 5;

/// Who calls whom by which number.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) a: String,
    pub(crate) x: String,
}

/// One call.
#[derive(Default)]
pub(crate) struct Call {
    pub(crate) invited: Option<Instant>,
    pub(crate) rang: Option<Instant>,
    pub(crate) answered: Option<Instant>,
    pub(crate) ended: Option<Instant>,
    /// The final status that was no 200.
    pub(crate) refused: Option<u16>,
    pub(crate) gave_up: bool,
    pub(crate) repeated: u32,
    /// Where the server wants the caller's sound.
    pub(crate) sound: Option<SocketAddr>,
    sends: u32,
    heard: bool,
    request: String,
    ack: String,
    bye: String,
}

impl Call {
    /// Whether nothing more will come of it.
    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some() || self.refused.is_some() || self.gave_up
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Invite,
    Repeat,
    Bye,
}

struct State {
    calls: Vec<Call>,
    due: BinaryHeap<Reverse<(Instant, usize, Due)>>,
    open: usize,
}

/// When calls end.
#[derive(Clone, Copy)]
pub(crate) enum Hold {
    /// So long after the answer.
    For(Duration),
    /// When [`Caller::hang_up`] says so.
    UntilTold,
}

/// The carrier.
pub(crate) struct Caller<'a> {
    socket: &'a UdpSocket,
    own: SocketAddr,
    server: SocketAddr,
    pairs: &'a [Pair],
    sdp: String,
    hold: Hold,
    run: u64,
    state: Mutex<State>,
}

impl<'a> Caller<'a> {
    /// A carrier whose calls are due at `rate` a second from now on.
    pub(crate) fn new(
        socket: &'a UdpSocket,
        server: SocketAddr,
        pairs: &'a [Pair],
        sound: SocketAddr,
        (calls, rate, hold): (usize, f64, Hold),
    ) -> Result<Self> {
        let began = Instant::now();
        let due = (0..calls).map(|call| {
            let at = began + Duration::from_secs_f64(call as f64 / rate);
            Reverse((at, call, Due::Invite))
        });
        Ok(Self {
            socket,
            own: socket.local_addr()?,
            server,
            pairs,
            sdp: describe(sound),
            hold,
            run: u64::from(std::process::id()),
            state: Mutex::new(State {
                calls: (0..calls).map(|_| Call::default()).collect(),
                due: due.collect(),
                open: calls,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls are not over yet.
    pub(crate) fn open(&self) -> usize {
        self.state().open
    }

    /// How many calls are neither answered nor over.
    pub(crate) fn unanswered(&self) -> usize {
        let state = self.state();
        let calls = state.calls.iter();
        calls
            .filter(|call| call.answered.is_none() && !call.is_over())
            .count()
    }

    /// Where the server wants the sound of the calls that are up.
    pub(crate) fn sounds(&self) -> Vec<SocketAddr> {
        let state = self.state();
        state.calls.iter().filter_map(|call| call.sound).collect()
    }

    /// Hangs up all calls, so many a second.
    pub(crate) fn hang_up(&self, rate: f64) {
        let (mut state, began) = (self.state(), Instant::now());
        for call in 0..state.calls.len() {
            let at = began + Duration::from_secs_f64(call as f64 / rate);
            state.due.push(Reverse((at, call, Due::Bye)));
        }
    }

    /// All calls as they ended.
    pub(crate) fn into_calls(self) -> Vec<Call> {
        let state = self.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).calls
    }

    /// Sends what is due until it is over.
    pub(crate) fn send_due(&self, over: &AtomicBool) -> Result<()> {
        /// How long to sleep at most, so that what became due meanwhile is not late.
        const NAP: Duration = Duration::from_millis(2);
        while !over.load(Relaxed) {
            let mut state = self.state();
            let now = Instant::now();
            match state.due.peek() {
                Some(&Reverse((at, call, due))) if at <= now => {
                    state.due.pop();
                    let text = self.on_due(&mut state, call, due, now);
                    drop(state);
                    if let Some(text) = text {
                        self.socket.send_to(text.as_bytes(), self.server)?;
                    }
                }
                next => {
                    let wait = next.map_or(NAP, |Reverse((at, ..))| *at - now);
                    drop(state);
                    std::thread::sleep(wait.min(NAP));
                }
            }
        }
        Ok(())
    }

    fn on_due(&self, state: &mut State, index: usize, due: Due, now: Instant) -> Option<String> {
        let call = &mut state.calls[index];
        if call.is_over() {
            return None;
        }
        match due {
            Due::Invite => {
                call.request = self.invite(index);
                call.invited = Some(now);
            }
            Due::Bye if call.answered.is_some() => {
                call.request = std::mem::take(&mut call.bye);
                (call.sends, call.heard) = (0, false);
            }
            Due::Bye => return None,
            // After an answer there is nothing to repeat (RFC 3261 §17.1.1.2).
            Due::Repeat if call.heard => return None,
            Due::Repeat if call.sends >= SENDS_MAX => {
                call.gave_up = true;
                state.open -= 1;
                return None;
            }
            Due::Repeat => call.repeated += 1,
        }
        call.sends += 1;
        let text = call.request.clone();
        let at = now + REPEAT * 2_u32.pow(call.sends - 1);
        state.due.push(Reverse((at, index, Due::Repeat)));
        Some(text)
    }

    /// Hears answers until it is over.
    pub(crate) fn hear(&self, over: &AtomicBool) -> Result<()> {
        let mut buffer = vec![0; 65_536];
        while !over.load(Relaxed) {
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_quiet(error.kind()) => continue,
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            let Some(answer) = read(&buffer[..length]) else {
                continue;
            };
            if let Some(ack) = self.take(answer, now) {
                self.socket.send_to(ack.as_bytes(), self.server)?;
            }
        }
        Ok(())
    }

    /// Takes an answer; the ACK that it wants.
    fn take(&self, answer: Came, now: Instant) -> Option<String> {
        let Came::Response {
            status,
            method,
            call_id,
            to,
            contact,
            routes,
            sound,
        } = answer
        else {
            return None;
        };
        let index = self.index(&call_id)?;
        let mut state = self.state();
        let call = state.calls.get_mut(index)?;
        if method == "BYE" {
            if status >= 200 && call.ended.is_none() {
                call.ended = Some(now);
                call.heard = true;
                state.open -= 1;
            }
            return None;
        }
        if method != "INVITE" {
            return None;
        }
        if call.answered.is_some() {
            // A repeat of the 200 wants its ACK again.
            return (status == 200).then(|| call.ack.clone());
        }
        call.heard = true;
        match status {
            100..180 => None,
            180..200 => {
                call.rang.get_or_insert(now);
                None
            }
            200..300 => {
                call.answered = Some(now);
                call.rang.get_or_insert(now);
                call.sound = sound;
                let routes: String = routes
                    .iter()
                    .rev()
                    .map(|route| format!("Route: {route}\r\n"))
                    .collect();
                call.bye = self.in_call("BYE", 2, index, &contact, &to, &routes);
                call.ack = self.in_call("ACK", 1, index, &contact, &to, &routes);
                let ack = call.ack.clone();
                if let Hold::For(hold) = self.hold {
                    state.due.push(Reverse((now + hold, index, Due::Bye)));
                }
                Some(ack)
            }
            _ => {
                let first = call.refused.replace(status).is_none();
                state.open -= usize::from(first);
                let uri = format!("sip:{}@{}", self.pair(index).x, self.server);
                Some(self.in_transaction("ACK", index, &uri, &to))
            }
        }
    }

    fn index(&self, call_id: &str) -> Option<usize> {
        let rest = call_id.strip_prefix(CALL)?.split('@').next()?;
        let (run, index) = rest.split_once('-')?;
        (run.parse() == Ok(self.run)).then(|| index.parse().ok())?
    }

    fn pair(&self, index: usize) -> &Pair {
        &self.pairs[index % self.pairs.len()]
    }

    fn head(&self, method: &str, branch: &str, seq: u32, index: usize, uri: &str) -> String {
        let (own, run) = (self.own, self.run);
        let a = &self.pair(index).a;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch}{run}-{index}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{a}@{own}>;tag=c{run}-{index}\r\n\
             Call-ID: {CALL}{run}-{index}@{own}\r\nCSeq: {seq} {method}\r\n\
             Contact: <sip:{a}@{own}>\r\n"
        )
    }

    fn invite(&self, index: usize) -> String {
        let uri = format!("sip:{}@{}", self.pair(index).x, self.server);
        let head = self.head("INVITE", "i", 1, index, &uri);
        with_body(format!("{head}To: <{uri}>\r\n"), &self.sdp)
    }

    /// A request of the INVITE's own transaction (RFC 3261 §17.1.1.3).
    fn in_transaction(&self, method: &str, index: usize, uri: &str, to: &str) -> String {
        let head = self.head(method, "i", 1, index, uri);
        with_body(format!("{head}To: {to}\r\n"), "")
    }

    fn in_call(
        &self,
        method: &str,
        seq: u32,
        index: usize,
        uri: &str,
        to: &str,
        routes: &str,
    ) -> String {
        let branch = if method == "ACK" { "a" } else { "b" };
        let head = self.head(method, branch, seq, index, uri);
        with_body(format!("{head}To: {to}\r\n{routes}"), "")
    }
}
