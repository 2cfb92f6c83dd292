//! A relaying thread: it waits for packets of its sessions, for commands, and for the time of the
//! next packet that it makes itself. It never waits for anything else.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::leg::Sockets;
use super::live::{CHORES_EVERY, Live};
use super::recording::Line;
use super::rtp::DATAGRAM_BYTES_MAX;
use super::settings::{MediaEvent, Play, PlayId, RecordingTarget, Remote, Side};
use super::statistics::Totals;
use crate::audio::{Clip, Digit};

/// Sockets that are looked at after one wait.
const EVENTS_MAX: usize = 1024;

/// Datagrams that are read from one socket before the others have their turn.
const DATAGRAMS_IN_TURN: usize = 32;

/// The token of the commands; sessions count from 1.
const COMMANDS: Token = Token(0);

/// Sockets of a session: RTP and RTCP of both sides.
const SOCKETS: usize = 4;

/// What a session's owner asks for.
pub(crate) enum Command {
    Remote(Side, Remote),
    Bridge(bool),
    Play(Side, Arc<Clip>, Play, PlayId),
    StopPlaying(Side),
    Digits(Side, Vec<Digit>),
    ListenForTones(Side, bool),
    Record(RecordingTarget, tokio::sync::mpsc::OwnedPermit<MediaEvent>),
    StopRecording,
}

/// What reaches the thread.
pub(crate) enum Message {
    Open(usize, Box<Live>),
    Session(usize, Command),
    Close(usize),
    Stop,
}

/// The way to a relaying thread.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    sender: mpsc::Sender<Message>,
    waker: Arc<Waker>,
    registry: Arc<Registry>,
}

impl Post {
    /// Sends a message; a thread that has stopped has nothing to do with it.
    pub(crate) fn send(&self, message: Message) -> bool {
        let sent = self.sender.send(message).is_ok();
        let _ = self.waker.wake();
        sent
    }

    /// Has the thread wait for a session's sockets.
    pub(crate) fn register(&self, id: usize, sides: &mut [Sockets; 2]) -> io::Result<()> {
        for (index, sockets) in sides.iter_mut().enumerate() {
            let token = id * SOCKETS + index * 2;
            let (rtp, rtcp) = (Token(token), Token(token + 1));
            self.registry
                .register(&mut sockets.rtp, rtp, Interest::READABLE)?;
            self.registry
                .register(&mut sockets.rtcp, rtcp, Interest::READABLE)?;
        }
        Ok(())
    }
}

/// What happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Tick(usize),
    Chores,
}

/// The thread's own state.
pub(crate) struct Worker {
    poll: Poll,
    messages: mpsc::Receiver<Message>,
    recorder: Line,
    totals: Arc<Totals>,
    sessions: HashMap<usize, Box<Live>>,
    alarms: BinaryHeap<Reverse<(Instant, usize, Alarm)>>,
    /// Sockets that may hold more than was read.
    unread: Vec<Token>,
    buffer: Box<[u8]>,
}

impl Worker {
    /// A thread's state and the way to it.
    pub(crate) fn new(recorder: Line, totals: Arc<Totals>) -> io::Result<(Self, Post)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), COMMANDS)?);
        let registry = Arc::new(poll.registry().try_clone()?);
        let (sender, messages) = mpsc::channel();
        let worker = Self {
            poll,
            messages,
            recorder,
            totals,
            sessions: HashMap::new(),
            alarms: BinaryHeap::new(),
            unread: Vec::new(),
            // One byte more than is looked at, so that a longer datagram is known as such.
            buffer: vec![0; DATAGRAM_BYTES_MAX + 1].into_boxed_slice(),
        };
        let post = Post {
            sender,
            waker,
            registry,
        };
        Ok((worker, post))
    }

    /// Relays until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let wait = self.time_to_wait(Instant::now());
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "cannot wait for packets; calls have no sound");
                std::thread::sleep(CHORES_EVERY);
            }
            let now = Instant::now();
            if !self.read_messages(now) {
                break;
            }
            let unread = std::mem::take(&mut self.unread);
            let ready = events.iter().map(|event| event.token());
            for token in unread.into_iter().chain(ready) {
                if token != COMMANDS {
                    self.read_socket(token, now);
                }
            }
            self.ring_alarms(now);
        }
        let now = Instant::now();
        for (_, live) in self.sessions.drain() {
            live.close(now);
            self.totals.sessions.fetch_sub(1, Relaxed);
        }
    }

    fn time_to_wait(&self, now: Instant) -> Option<Duration> {
        if !self.unread.is_empty() {
            return Some(Duration::ZERO);
        }
        let Reverse((first, ..)) = self.alarms.peek()?;
        Some(first.saturating_duration_since(now))
    }

    /// Does what was asked; `false` when it is to stop.
    fn read_messages(&mut self, now: Instant) -> bool {
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Open(id, live) => {
                    self.sessions.insert(id, live);
                    self.totals.sessions.fetch_add(1, Relaxed);
                    self.alarms
                        .push(Reverse((now + CHORES_EVERY, id, Alarm::Chores)));
                    // What came before the session was known here woke nobody.
                    let tokens = (0..SOCKETS).map(|socket| Token(id * SOCKETS + socket));
                    self.unread.extend(tokens);
                }
                Message::Session(id, command) => {
                    if let Some(live) = self.sessions.get_mut(&id) {
                        live.obey(command, &self.recorder, now);
                        self.set_alarms(id);
                    }
                }
                Message::Close(id) => {
                    if let Some(live) = self.sessions.remove(&id) {
                        live.close(now);
                        self.totals.sessions.fetch_sub(1, Relaxed);
                    }
                }
                Message::Stop => return false,
            }
        }
        true
    }

    /// Sets the alarm of each side that has begun to send by itself.
    fn set_alarms(&mut self, id: usize) {
        let Some(live) = self.sessions.get_mut(&id) else {
            return;
        };
        for (index, leg) in live.legs.iter_mut().enumerate() {
            if let Some(due) = leg.due
                && !leg.alarm_set
            {
                leg.alarm_set = true;
                self.alarms.push(Reverse((due, id, Alarm::Tick(index))));
            }
        }
    }

    fn read_socket(&mut self, token: Token, now: Instant) {
        let (id, socket) = (token.0 / SOCKETS, token.0 % SOCKETS);
        let Some(live) = self.sessions.get_mut(&id) else {
            return;
        };
        let side = Side::BOTH[socket / 2];
        let is_rtp = socket % 2 == 0;
        for _ in 0..DATAGRAMS_IN_TURN {
            let sockets = &live.legs[side.index()].sockets;
            let source = if is_rtp { &sockets.rtp } else { &sockets.rtcp };
            let (length, from) = match source.recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.set_alarms(id);
                    return;
                }
                // The peer's machine said that nobody listens there (ICMP). The socket is well.
                Err(_) => continue,
            };
            let from = SocketAddr::new(from.ip().to_canonical(), from.port());
            let datagram = &mut self.buffer[..length];
            if is_rtp {
                live.receive(side, datagram, from, now);
            } else {
                live.legs[side.index()].answer_report(datagram, from, now);
            }
        }
        self.unread.push(token);
        self.set_alarms(id);
    }

    fn ring_alarms(&mut self, now: Instant) {
        while let Some(&Reverse((at, id, alarm))) = self.alarms.peek()
            && at <= now
        {
            self.alarms.pop();
            let Some(live) = self.sessions.get_mut(&id) else {
                continue;
            };
            match alarm {
                Alarm::Tick(index) => {
                    let leg = &mut live.legs[index];
                    leg.tick(now, &live.emitter);
                    leg.alarm_set = leg.due.is_some();
                    if let Some(due) = leg.due {
                        self.alarms.push(Reverse((due, id, alarm)));
                    }
                }
                Alarm::Chores => {
                    live.chores(now);
                    self.alarms.push(Reverse((at + CHORES_EVERY, id, alarm)));
                }
            }
        }
    }
}
