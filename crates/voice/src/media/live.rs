//! A session on the relaying thread: what is done with each packet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::leg::Leg;
use super::reception::Arrival;
use super::recording::{Line, Tape};
use super::rtp::{HEADER_BYTES, Header, Packet};
use super::settings::{Keyed, MediaEvent, RecordingTarget, Side};
use super::statistics::{Refusal, Totals, add};
use super::telephone_event::{EVENT_BYTES, TelephoneEvent};
use super::worker::Command;
use crate::audio::Codec;

/// The payload type of comfort noise (RFC 3389); it is a sign of life and nothing else.
const COMFORT_NOISE: u8 = 13;

/// How often silence is looked for.
pub(crate) const CHORES_EVERY: Duration = Duration::from_millis(250);

/// Every so many chores a recording hands its sound over, twice a second: what is not on disk yet
/// is at most that and what is held back for late packets, together less than a second.
const CHORES_PER_HAND_OVER: u32 = 2;

/// Tells a session's owner what happened.
#[derive(Debug)]
pub(crate) struct Emitter {
    pub(crate) sender: mpsc::Sender<MediaEvent>,
    pub(crate) totals: Arc<Totals>,
}

impl Emitter {
    /// The relaying thread never waits: an event for which there is no room is lost and counted.
    pub(crate) fn emit(&self, event: MediaEvent) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(event) {
            add(&self.totals.events_dropped, 1);
        }
    }
}

/// What a taken packet carries.
enum Content {
    Voice(Codec),
    Event(TelephoneEvent),
    Noise,
}

/// The two sides of a call and what is between them.
pub(crate) struct Live {
    pub(crate) legs: [Leg; 2],
    pub(crate) emitter: Emitter,
    pub(crate) silence: Option<Duration>,
    pub(crate) bridged: bool,
    pub(crate) tape: Option<Tape>,
    pub(crate) opened: Instant,
    pub(crate) chores_done: u32,
}

impl Live {
    /// Takes one datagram from the RTP socket of a side.
    pub(crate) fn receive(
        &mut self,
        side: Side,
        datagram: &mut [u8],
        from: SocketAddr,
        now: Instant,
    ) {
        let leg = &mut self.legs[side.index()];
        if !leg.admits(from) {
            return leg.refuse(Refusal::Source);
        }
        let Ok(packet) = Packet::parse(datagram) else {
            return leg.refuse(Refusal::Malformed);
        };
        let Some(content) = content(leg, packet, datagram) else {
            return leg.refuse(Refusal::Payload);
        };
        if leg.learn(from) {
            self.emitter.emit(MediaEvent::Learned { side });
        }
        leg.hear_again(now);
        if !leg
            .remote
            .as_ref()
            .is_some_and(|remote| remote.direction.receives())
        {
            return leg.refuse(Refusal::Direction);
        }
        let header = packet.header;
        // Samples since the session began, modulo 2³² as timestamps are.
        let arrived = (now.duration_since(self.opened).as_micros() / 125) as u32;
        let arrival = leg
            .reception
            .take(header.ssrc, header.sequence, header.timestamp, arrived);
        let number = match arrival {
            Arrival::Fresh {
                extended,
                restarted,
            } => (extended, restarted),
            Arrival::Repeated => return leg.refuse(Refusal::Repeated),
            Arrival::Late => return leg.refuse(Refusal::Late),
        };
        leg.count(packet.end - packet.start);
        match content {
            Content::Voice(codec) => self.voice(side, datagram, packet, number, codec, now),
            Content::Event(event) => self.event(side, header, number, event, now),
            Content::Noise => {}
        }
    }

    fn voice(
        &mut self,
        side: Side,
        datagram: &mut [u8],
        packet: Packet,
        number: (u64, bool),
        codec: Codec,
        now: Instant,
    ) {
        let payload = packet.payload(datagram);
        if let Some(tape) = &mut self.tape {
            tape.put(side, now, packet.header.timestamp, codec, payload);
        }
        let leg = &mut self.legs[side.index()];
        if let Some(mut detector) = leg.detector.take() {
            let samples = payload.iter().map(|&byte| codec.decode(byte));
            detector.hear(samples, |digit| {
                leg.tell_digit(digit, Keyed::Tone, now, &self.emitter);
            });
            leg.detector = Some(detector);
        }
        let other = &mut self.legs[side.other().index()];
        if self.bridged && !other.playout.is_busy() {
            // The payload never begins before the length of our header, so ours fits before it.
            let outgoing = &mut datagram[packet.start - HEADER_BYTES..packet.end];
            other.send_relayed(outgoing, packet.header, number, codec, now);
        }
    }

    fn event(
        &mut self,
        side: Side,
        header: Header,
        number: (u64, bool),
        event: TelephoneEvent,
        now: Instant,
    ) {
        let leg = &mut self.legs[side.index()];
        let digit = leg.events.digit(header.ssrc, header.timestamp, event);
        if let Some(digit) = digit {
            leg.tell_digit(digit, Keyed::Event, now, &self.emitter);
        }
        let other = &mut self.legs[side.other().index()];
        if !self.bridged {
            return;
        }
        let passed_on = other
            .remote
            .as_ref()
            .and_then(|remote| remote.event_payload_type);
        match passed_on {
            Some(payload_type) if !other.playout.is_busy() => {
                let mut packet = [0; HEADER_BYTES + EVENT_BYTES];
                packet[HEADER_BYTES..].copy_from_slice(&event.to_bytes());
                let header = Header {
                    payload_type,
                    ..header
                };
                other.send_numbered(&mut packet, header, number, now);
            }
            Some(_) => {}
            // The other side knows no events: it hears the digit.
            None => {
                if let Some(digit) = digit {
                    other.playout.key(digit);
                    other.due.get_or_insert(now);
                }
            }
        }
    }

    /// Does what a session's owner asked for.
    pub(crate) fn obey(&mut self, command: Command, recorder: &Line, now: Instant) {
        match command {
            Command::Remote(side, remote) => self.legs[side.index()].set_remote(remote, now),
            Command::Bridge(on) => {
                self.bridged = on;
                if on {
                    // From here on both are to be heard, whatever was before.
                    for leg in &mut self.legs {
                        leg.hear_again(now);
                    }
                }
            }
            Command::Play(side, clip, mode, id) => {
                let leg = &mut self.legs[side.index()];
                let before = leg.playout.play(clip, mode, id);
                leg.due.get_or_insert(now);
                self.tell_cut_short(side, before);
            }
            Command::StopPlaying(side) => {
                let before = self.legs[side.index()].playout.stop();
                self.tell_cut_short(side, before);
            }
            Command::Digits(side, digits) => {
                let leg = &mut self.legs[side.index()];
                for digit in digits {
                    leg.playout.key(digit);
                }
                leg.due.get_or_insert(now);
            }
            Command::ListenForTones(side, on) => {
                self.legs[side.index()].detector = on.then(Box::default);
            }
            Command::Record(target, outcome) => self.record(target, outcome, recorder, now),
            Command::StopRecording => {
                if let Some(mut tape) = self.tape.take() {
                    tape.finish(now);
                }
            }
        }
    }

    fn record(
        &mut self,
        target: RecordingTarget,
        outcome: mpsc::OwnedPermit<MediaEvent>,
        recorder: &Line,
        now: Instant,
    ) {
        if self.tape.is_some() {
            let why = "this call is being recorded already; stop that recording first".to_owned();
            outcome.send(MediaEvent::RecordingFailed { why });
            return;
        }
        self.tape = Some(recorder.begin(target, outcome, now));
    }

    fn tell_cut_short(&self, side: Side, id: Option<super::PlayId>) {
        if let Some(id) = id {
            let whole = false;
            self.emitter.emit(MediaEvent::PlayEnded { side, id, whole });
        }
    }

    /// What is done now and then.
    pub(crate) fn chores(&mut self, now: Instant) {
        if let Some(limit) = self.silence {
            for leg in &mut self.legs {
                leg.watch_silence(limit, now, &self.emitter);
            }
        }
        self.chores_done = self.chores_done.wrapping_add(1);
        let due = self.chores_done.is_multiple_of(CHORES_PER_HAND_OVER);
        if let Some(tape) = self.tape.as_mut().filter(|_| due) {
            tape.hand_over(now);
        }
    }

    /// Ends the session.
    pub(crate) fn close(mut self, now: Instant) {
        if let Some(mut tape) = self.tape.take() {
            tape.finish(now);
        }
        for side in Side::BOTH {
            let before = self.legs[side.index()].playout.stop();
            self.tell_cut_short(side, before);
        }
    }
}

/// What a packet is to this side; `None` for what was not agreed on.
fn content(leg: &Leg, packet: Packet, datagram: &[u8]) -> Option<Content> {
    let remote = leg.remote.as_ref()?;
    let kind = packet.header.payload_type;
    if Some(kind) == remote.event_payload_type {
        let event = TelephoneEvent::parse(packet.payload(datagram))?;
        return Some(Content::Event(event));
    }
    if kind == remote.payload_type {
        return Some(Content::Voice(remote.codec));
    }
    if kind == COMFORT_NOISE {
        return Some(Content::Noise);
    }
    Codec::of_payload_type(kind).map(Content::Voice)
}
