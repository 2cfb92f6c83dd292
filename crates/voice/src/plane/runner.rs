//! One call's task: it hears the legs, the sound and the clock, and does what the call asks for.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axbridge_app::calls::{CallEnd, CallPlan};
use axbridge_domain::{
    call::{CallId, CallResult, ReleasedBy},
    draws::Draws,
    phone::PhoneNumber,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Shared,
    books::{Book, Undecided},
    counts::Ticket,
    sound::{Media, index, of_media, to_media},
    trunks::{Known, Way},
};
use crate::{
    audio::Clip as Sound,
    call::{Arrival, Call, Command, Event, Side, Timer},
    identity::{Caller, Shown},
    media::{self, MediaEvent},
    stack::{Arrived, CallOut, Leg, LegId, Signal, Signals},
};

/// How long a recording may take to be finished after the call, in milliseconds.
const RECORDING_MS_MAX: u64 = 30_000;

/// One call's task.
pub(super) struct Runner {
    pub(super) shared: Arc<Shared>,
    pub(super) x: PhoneNumber,
    pub(super) caller_number: Caller,
    pub(super) inbound: Arc<Known>,
    pub(super) media: Option<Media>,
    pub(super) book: Option<Book>,
    pub(super) call_id: Option<CallId>,
    pub(super) plan: Option<Box<CallPlan>>,
    pub(super) shown: Option<PhoneNumber>,
    pub(super) ways: Vec<Way>,
    pub(super) tickets: Vec<Ticket>,
    /// The account's prompts that this call may play, by code.
    pub(super) prompts: Vec<(String, Arc<Sound>)>,
    /// A call that has no book yet, because its caller is asked for an extension first.
    pub(super) undecided: Option<Undecided>,
    /// Whether the end is in the book.
    told: bool,
    /// The leg that is counted on the trunk that it was sent by.
    out_ticket: Option<Ticket>,
    max_forwards: u8,
    draws: Draws,
    pub(super) caller: Leg,
    pub(super) callee: Option<Leg>,
    sender: Signals,
    signals: mpsc::Receiver<(LegId, Signal)>,
    timers: BTreeMap<Timer, Instant>,
    /// What happened while a command was done.
    pub(super) pending: VecDeque<Event>,
    /// Until the first sign of the callee.
    arrived_at: Option<Instant>,
}

/// What a new call is known by.
pub(super) struct Facts {
    pub(super) x: PhoneNumber,
    pub(super) caller: Caller,
    pub(super) inbound: Arc<Known>,
    pub(super) max_forwards: u8,
    pub(super) dice: u64,
    pub(super) ticket: Ticket,
}

impl Runner {
    /// Runs a call from its arrival to its end.
    pub(super) async fn run(shared: Arc<Shared>, arrived: Arrived, facts: Facts) {
        let mut draws = Draws::from_seed(facts.dice);
        let arrival = Arrival {
            sdp: arrived.sdp,
            abilities: arrived.abilities,
            codecs: super::codecs(&facts.inbound),
            answer_refusals: facts.inbound.trunk.answer_refusals,
            dice: [draws.next_u64(), draws.next_u64()],
        };
        let settings = shared.settings.call;
        let mut runner = Self {
            shared,
            x: facts.x,
            caller_number: facts.caller,
            inbound: facts.inbound,
            media: None,
            book: None,
            call_id: None,
            plan: None,
            shown: None,
            ways: Vec::new(),
            tickets: vec![facts.ticket],
            prompts: Vec::new(),
            undecided: None,
            told: false,
            out_ticket: None,
            max_forwards: facts.max_forwards,
            draws,
            caller: arrived.leg,
            callee: None,
            sender: arrived.sender,
            signals: arrived.signals,
            timers: BTreeMap::new(),
            pending: VecDeque::new(),
            arrived_at: Some(Instant::now()),
        };
        // What was read of it stays; the message itself has no more to say.
        drop(arrived.message);
        let (mut call, commands) = Call::arrived(arrival, settings);
        runner.obey(commands).await;
        let mut told_to_stop = false;
        while !call.is_over() {
            let event = match runner.pending.pop_front() {
                Some(event) => event,
                None => runner.next(&mut told_to_stop).await,
            };
            let commands = call.handle(event);
            runner.obey(commands).await;
        }
        runner.finish().await;
    }

    pub(super) fn dice(&mut self) -> u64 {
        self.draws.next_u64()
    }

    /// The next thing that happens.
    async fn next(&mut self, told_to_stop: &mut bool) -> Event {
        loop {
            let timer = self
                .timers
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(timer, at)| (*timer, *at));
            let far = Instant::now() + Duration::from_secs(3600);
            let wake = timer.map_or(far, |(_, at)| at);
            let media = self.media.as_mut().map(|media| &mut media.events);
            tokio::select! {
                // In this order, so that what a leg said goes before a clock that runs out.
                biased;
                () = self.shared.hang_up.cancelled(), if !*told_to_stop => {
                    *told_to_stop = true;
                    return Event::Shutdown;
                }
                Some((leg, signal)) = self.signals.recv() => {
                    if let Some(side) = self.side_of(leg) {
                        return Event::Signal(side, signal);
                    }
                }
                Some(event) = heard(media) => {
                    if let Some(event) = self.sound(event) {
                        return event;
                    }
                }
                () = sleep_until(wake) => {
                    if let Some((timer, _)) = timer {
                        self.timers.remove(&timer);
                        return Event::Timer(timer);
                    }
                }
            }
        }
    }

    fn side_of(&self, leg: LegId) -> Option<Side> {
        if self.caller.id() == leg {
            Some(Side::Caller)
        } else {
            let callee = self.callee.as_ref()?;
            (callee.id() == leg).then_some(Side::Callee)
        }
    }

    fn sound(&mut self, event: MediaEvent) -> Option<Event> {
        match event {
            MediaEvent::Digit { side, digit, .. } => {
                Some(Event::Digit(of_media(side), digit.as_char()))
            }
            MediaEvent::PlayEnded { side, id, whole } => {
                let playing = &mut self.media.as_mut()?.plays[index(of_media(side))];
                (whole && *playing == Some(id)).then(|| {
                    *playing = None;
                    Event::Played(of_media(side))
                })
            }
            MediaEvent::Silent { side, .. } => Some(Event::Silent(of_media(side))),
            MediaEvent::Learned { .. } => None,
            MediaEvent::RecordingFinished(files) => {
                self.recorded(Ok(*files));
                None
            }
            MediaEvent::RecordingFailed { why } => {
                self.recorded(Err(why));
                None
            }
        }
    }

    fn recorded(&mut self, outcome: Result<media::RecordingFiles, String>) {
        if let Some(media) = &mut self.media {
            media.recording = false;
        }
        let Some(call) = self.call_id else { return };
        let app = self.shared.app.clone();
        super::recordings::hand_over(app, call, outcome);
    }

    async fn obey(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Admit { extension } => {
                    // On the heap, so that it is gone once decided: the call keeps its place in
                    // memory for as long as it lasts.
                    let verdict = Box::pin(self.decide(extension)).await;
                    self.pending.push_back(Event::Admitted(verdict));
                }
                Command::Provisional { status, sdp } => {
                    if status == 180 {
                        self.note_set_up();
                    }
                    self.caller.provisional(status, sdp);
                }
                Command::Accept { sdp, extras } => self.caller.accept(sdp, extras),
                Command::Refuse { status, extras } => self.caller.refuse(status, extras),
                Command::CallOut { way, sdp, extras } => self.call_out(way, sdp, extras).await,
                Command::Cancel => {
                    if let Some(callee) = &self.callee {
                        callee.cancel();
                    }
                }
                Command::Bye(side) => {
                    if let Some(leg) = self.leg(side) {
                        leg.bye();
                    }
                }
                Command::Reoffer { side, sdp, extras } => {
                    if let Some(leg) = self.leg(side) {
                        leg.reoffer(sdp, extras);
                    }
                }
                Command::AnswerOffer {
                    side,
                    id,
                    status,
                    sdp,
                    extras,
                } => {
                    if let Some(leg) = self.leg(side) {
                        leg.answer_offer(id, status, sdp, extras);
                    }
                }
                Command::Set(timer, ms) => {
                    self.timers
                        .insert(timer, Instant::now() + Duration::from_millis(ms));
                }
                Command::Clear(timer) => {
                    self.timers.remove(&timer);
                }
                other => self.obey_sound_or_books(other),
            }
        }
    }

    fn obey_sound_or_books(&mut self, command: Command) {
        match command {
            Command::Hear(side, agreed) => self.hear(side, &agreed),
            Command::Bridge(on) => {
                if let Some(media) = &self.media {
                    media.session.bridge(on);
                }
            }
            Command::Play(side, clip) => self.play(side, &clip),
            Command::Stop(side) => {
                if let Some(media) = &mut self.media {
                    media.plays[index(side)] = None;
                    media.session.stop_playing(to_media(side));
                }
            }
            Command::Key(side, digit) => self.key(side, digit),
            Command::Record => self.record(),
            Command::Rang => {
                if let Some(book) = &self.book {
                    book.rang();
                }
            }
            Command::Answered => {
                self.note_set_up();
                if let Some(book) = &self.book {
                    book.answered();
                }
            }
            Command::Ended(end) => {
                self.told = true;
                self.shared.metrics.ended(end.result);
                match (&self.book, self.undecided.take()) {
                    (Some(book), _) => book.ended(end),
                    (None, Some(left)) => left.close(end),
                    (None, None) => {}
                }
            }
            _ => {}
        }
    }

    /// Notes how long the caller waited for the first sign of the callee.
    fn note_set_up(&mut self) {
        if self.out_ticket.is_some()
            && let Some(arrived_at) = self.arrived_at.take()
        {
            self.shared.metrics.set_up(arrived_at.elapsed());
        }
    }

    fn leg(&self, side: Side) -> Option<&Leg> {
        match side {
            Side::Caller => Some(&self.caller),
            Side::Callee => self.callee.as_ref(),
        }
    }

    async fn call_out(&mut self, way: usize, sdp: Vec<u8>, extras: Vec<crate::stack::Extra>) {
        let (Some(way), Some(plan), Some(shown)) =
            (self.ways.get(way).cloned(), &self.plan, self.shown)
        else {
            return self.unreachable();
        };
        let own = self.shared.address_for(way.transport);
        let Some(own) = own else {
            tracing::warn!(call = %plan.call, "no listener for the transport of the trunk's peer");
            return self.unreachable();
        };
        // The attempt before this one counts no longer.
        self.out_ticket = None;
        let place = super::counts::Place::Trunk(way.known.trunk.name.clone());
        let Some(ticket) = self.shared.counts.take(place, way.known.trunk.calls_max) else {
            return self.unreachable();
        };
        if !self.trunk_has_room(&way).await {
            return self.unreachable();
        }
        let Some(plan) = &self.plan else { return };
        let written = Shown::write(
            &way.known.trunk,
            &way.dialled,
            shown,
            &own.to_string(),
            &way.host,
        );
        let headers = written.headers.into_iter();
        let identity = headers.map(|(name, value)| crate::stack::Extra::new(name, value));
        let what = CallOut {
            trunk: way.known.trunk.name.as_str().into(),
            transport: way.transport,
            peer: way.address,
            certificate_name: way.certificate_name.clone(),
            uri: written.callee_uri.clone(),
            from: format!("<{}>", written.caller_uri),
            to: format!("<{}>", written.callee_uri),
            max_forwards: self.max_forwards,
            contact_user: user_of(&written.caller_uri),
            extras: identity.chain(extras).collect(),
            sdp,
            credentials: way.known.credentials.clone(),
        };
        match self.shared.stack.call_out(what, self.sender.clone()) {
            Ok(leg) => {
                tracing::debug!(call = %plan.call, sip_call_id = leg.sip_call_id(), "rings the callee");
                self.out_ticket = Some(ticket);
                self.callee = Some(leg);
            }
            Err(error) => {
                tracing::warn!(call = %plan.call, %error, "a call could not be sent");
                self.unreachable();
            }
        }
    }

    /// Whether a trunk with a limit takes one more, the calls of all nodes counted. When the store
    /// does not say, the count of this node has to do.
    async fn trunk_has_room(&self, way: &Way) -> bool {
        let trunk = &way.known.trunk;
        let (Some(most), Some(call)) = (trunk.calls_max, self.call_id) else {
            return true;
        };
        match self.shared.app.take_trunk(call, &trunk.name, most).await {
            Ok(has_room) => has_room,
            Err(error) => {
                tracing::warn!(%call, %error, "the calls of other nodes were not counted");
                true
            }
        }
    }

    /// Says in the callee's place that nobody can be reached this way.
    fn unreachable(&mut self) {
        let signal = Signal::Refused {
            status: 503,
            cause: None,
            unreachable: true,
            min_se_s: None,
        };
        self.pending.push_back(Event::Signal(Side::Callee, signal));
    }

    /// Waits for the recording, and lets everything go.
    async fn finish(mut self) {
        let Some(media) = &mut self.media else { return };
        super::metrics::note_traffic(&self.shared.metrics, &media.session.statistics());
        if !media.recording {
            return;
        }
        media.session.stop_recording();
        let limit = Instant::now() + Duration::from_millis(RECORDING_MS_MAX);
        // The places that a call takes are free once it is over.
        self.tickets.clear();
        self.out_ticket = None;
        while self.media.as_ref().is_some_and(|media| media.recording) {
            let events = self.media.as_mut().map(|media| &mut media.events);
            match timeout_at(limit, heard(events)).await {
                Ok(Some(event)) => {
                    self.sound(event);
                }
                Ok(None) | Err(_) => {
                    self.recorded(Err("the recorder did not finish in time".to_owned()));
                }
            }
        }
    }
}

impl Drop for Runner {
    /// The last resort, should a call's task be cut off: no leg is left up, no call without an end.
    /// After an orderly end there is nothing left to do.
    fn drop(&mut self) {
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        self.caller.refuse(500, Vec::new());
        self.caller.bye();
        if let Some(callee) = &self.callee {
            callee.cancel();
        }
        if self.told {
            return;
        }
        let end = CallEnd {
            result: CallResult::PlatformError,
            released_by: ReleasedBy::Platform,
            verification: None,
        };
        match (&self.book, self.undecided.take()) {
            (Some(book), _) => book.ended(end),
            (None, Some(undecided)) => undecided.close(end),
            (None, None) => {}
        }
    }
}

/// The next event of the sound; never, if there is none.
async fn heard(events: Option<&mut mpsc::Receiver<MediaEvent>>) -> Option<MediaEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

/// The user part of a URI that we wrote.
fn user_of(uri: &str) -> String {
    uri.trim_start_matches("sip:")
        .split('@')
        .next()
        .unwrap_or_default()
        .to_owned()
}
