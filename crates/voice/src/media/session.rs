//! What the owner of a call holds of its session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::mpsc;

use super::settings::{MediaEvent, Play, PlayId, RecordingTarget, Remote, Side};
use super::statistics::{Counters, Statistics};
use super::worker::{Command, Message, Post};
use crate::audio::{Clip, Digit};

/// One call's sound: a pair of ports on each side. Its methods ask the relaying thread and return
/// at once, in the order in which they are called. Dropped, it is closed: what it plays stops,
/// what it records is finished and still told.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: usize,
    pub(crate) post: Post,
    pub(crate) local: [SocketAddr; 2],
    pub(crate) counters: [Arc<Counters>; 2],
    pub(crate) next_play: AtomicU64,
    pub(crate) events: mpsc::Sender<MediaEvent>,
}

impl Session {
    /// The address that our session description names to a side.
    pub fn local(&self, side: Side) -> SocketAddr {
        self.local[side.index()]
    }

    /// Says where a side's sound comes from and goes to. Until then nothing of it is taken.
    pub fn set_remote(&self, side: Side, remote: Remote) {
        self.ask(Command::Remote(side, remote));
    }

    /// Lets the two sides hear each other, or not.
    pub fn bridge(&self, on: bool) {
        self.ask(Command::Bridge(on));
    }

    /// Plays a clip to a side, instead of what is being played to it and of the other side's
    /// voice. Time passes for it also while the side is on hold or not known yet.
    pub fn play(&self, side: Side, clip: Arc<Clip>, mode: Play) -> PlayId {
        let id = PlayId(self.next_play.fetch_add(1, Relaxed));
        self.ask(Command::Play(side, clip, mode, id));
        id
    }

    /// Stops playing to a side.
    pub fn stop_playing(&self, side: Side) {
        self.ask(Command::StopPlaying(side));
    }

    /// Sends digits to a side one after the other, 200 ms each: as events if it knows them, else
    /// as tones. No more than [`super::DIGITS_QUEUED_MAX`] wait.
    pub fn send_digits(&self, side: Side, digits: &[Digit]) {
        self.ask(Command::Digits(side, digits.to_vec()));
    }

    /// Listens for digits in a side's voice too, or not. Those that come as events are always
    /// told; looking for tones costs as much as relaying, so it is done only when somebody is
    /// asked to key something.
    pub fn listen_for_tones(&self, side: Side, on: bool) {
        self.ask(Command::ListenForTones(side, on));
    }

    /// Records what both sides say from now on. The outcome comes as an event, exactly one.
    pub fn record(&self, target: RecordingTarget) {
        match self.events.clone().try_reserve_owned() {
            Ok(outcome) => self.ask(Command::Record(target, outcome)),
            // Whoever does not read events will not read this one either.
            Err(_) => tracing::warn!("a call is not recorded: its events are not being read"),
        }
    }

    /// Ends the recording.
    pub fn stop_recording(&self) {
        self.ask(Command::StopRecording);
    }

    /// What has passed so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            caller: self.counters[0].read(),
            callee: self.counters[1].read(),
        }
    }

    fn ask(&self, command: Command) {
        self.post.send(Message::Session(self.id, command));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.post.send(Message::Close(self.id));
    }
}
