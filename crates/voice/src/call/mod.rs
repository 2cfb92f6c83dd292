//! One call, as a pure state machine: events in, commands out, no I/O, no clock.
//!
//! ```text
//! arrived ─► decided ─► (extension) ─► (prompt, question) ─► ringing ─► (notice) ─► talking ─► over
//!     └────────┴──► announcement ──────────────────────────────┴──────────────────────────────► over
//! ```
//!
//! The two legs meet only here, and only as values: that the callee answered, which way its sound
//! flows. Whatever a leg is sent is written from our own side (`negotiation`); a change that one
//! leg asks for is answered at once, and the other leg is brought to what follows from it, so that
//! no leg ever waits for the other.
//!
//! Not here: SIP ([`crate::stack`]), sound ([`crate::media`]), and who rings (the app).

mod asking;
mod ending;
mod event;
mod negotiation;
mod ringing;
mod session;
mod setup;
mod talk;

#[cfg(test)]
mod model_tests;

use axbridge_app::calls::{CallEnd, Verification};
use axbridge_domain::call_outcome::Phase as Progress;

pub use self::event::{
    Arrival, CallSettings, Clip, Command, Event, Plan, Question, Side, Timer, Verdict,
};
use self::{negotiation::Negotiation, session::Session};
use crate::{
    sdp::Codec,
    stack::{Extra, Signal},
};

/// Where a call stands.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    /// The app is asked who rings.
    Deciding,
    /// The caller keys an extension.
    Extension { keyed: String },
    /// The caller hears why nobody rings; then this final answer.
    Announcing { status: u16 },
    /// The caller hears the account's prompt.
    Prompt,
    /// The caller keys the answer to a question.
    Asking { keyed: String, tries: u32 },
    /// The callee is being reached.
    Ringing,
    /// Both hear what comes before the talk; who is still listening.
    Notice { caller: bool, callee: bool },
    /// They talk.
    Talking,
    /// It is over.
    Over,
}

/// One side of the call.
#[derive(Debug)]
struct Leg {
    /// Whether it was answered: the caller by us, the callee by itself.
    up: bool,
    /// Whether there is nothing left of it to end.
    gone: bool,
    /// Whether it knows where our sound comes from.
    described: bool,
    /// An offer of ours that it has not answered.
    offering: bool,
    /// Waiting to offer again after both did at once.
    glare: bool,
    /// Offers of ours that met one of theirs.
    glares: u32,
    sound: Negotiation,
    session: Session,
}

impl Leg {
    fn new(session_id: u64, codecs: Vec<Codec>, session_s_min: u32) -> Self {
        Self {
            up: false,
            gone: false,
            described: false,
            offering: false,
            glare: false,
            glares: 0,
            sound: Negotiation::new(session_id, codecs),
            session: Session::new(session_s_min),
        }
    }
}

/// One call.
#[derive(Debug)]
pub struct Call {
    settings: CallSettings,
    arrival: Arrival,
    stage: Stage,
    caller: Leg,
    callee: Option<Leg>,
    /// The way that is being tried, or was taken.
    way: usize,
    /// The session that the callee wants at least, if it found ours too short, in seconds.
    callee_min_s: Option<u32>,
    plan: Option<Box<Plan>>,
    rang: bool,
    talked: bool,
    verification: Option<Verification>,
    /// How it came out, once that is known.
    end: Option<CallEnd>,
    out: Vec<Command>,
}

impl Call {
    /// A call that has arrived, and the first commands.
    #[must_use]
    pub fn arrived(arrival: Arrival, settings: CallSettings) -> (Self, Vec<Command>) {
        let codecs = arrival.codecs.clone();
        let caller = Leg::new(arrival.dice[0], codecs, settings.session_s_min);
        let mut call = Self {
            settings,
            arrival,
            stage: Stage::Deciding,
            caller,
            callee: None,
            way: 0,
            callee_min_s: None,
            plan: None,
            rang: false,
            talked: false,
            verification: None,
            end: None,
            out: Vec::new(),
        };
        call.begin();
        let out = std::mem::take(&mut call.out);
        (call, out)
    }

    /// Takes what happened; what is to be done about it.
    pub fn handle(&mut self, event: Event) -> Vec<Command> {
        if self.stage != Stage::Over {
            match event {
                Event::Admitted(verdict) => self.admitted(verdict),
                Event::Signal(side, signal) => self.signal(side, signal),
                Event::Digit(side, digit) => self.digit(side, digit),
                Event::Played(side) => self.played(side),
                Event::Silent(side) => self.silent(side),
                Event::Timer(timer) => self.timer(timer),
                Event::Shutdown => self.shut_down(),
            }
        }
        std::mem::take(&mut self.out)
    }

    /// Whether nothing more will be asked for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether the two talk or are about to.
    #[must_use]
    pub const fn is_talking(&self) -> bool {
        self.talked
    }

    fn ask(&mut self, command: Command) {
        self.out.push(command);
    }

    fn leg(&mut self, side: Side) -> Option<&mut Leg> {
        match side {
            Side::Caller => Some(&mut self.caller),
            Side::Callee => self.callee.as_mut(),
        }
    }

    fn progress(&self) -> Progress {
        if self.talked {
            Progress::Talking
        } else if self.rang {
            Progress::Ringing
        } else {
            Progress::BeforeRinging
        }
    }

    fn signal(&mut self, side: Side, signal: Signal) {
        match (side, signal) {
            (Side::Caller, Signal::Cancelled) => self.caller_left(false),
            (Side::Caller, Signal::Acked { sdp } | Signal::Pracked { sdp }) => {
                self.caller_described(&sdp);
            }
            (_, Signal::NoAck) => self.lost(side),
            (
                Side::Callee,
                Signal::Provisional {
                    status,
                    sdp,
                    abilities,
                },
            ) => {
                if let Some(callee) = &mut self.callee {
                    callee.session.by_update |= abilities.update;
                }
                self.provisional(status, &sdp);
            }
            (Side::Callee, Signal::Answered { sdp, abilities }) => {
                self.callee_answered(&sdp, &abilities);
            }
            (
                Side::Callee,
                Signal::Refused {
                    status,
                    cause,
                    unreachable,
                    min_se_s,
                },
            ) => self.callee_refused(status, cause, unreachable, min_se_s),
            (_, Signal::Bye) => self.hung_up(side),
            (
                _,
                Signal::Offer {
                    id,
                    sdp,
                    invite,
                    abilities,
                },
            ) => self.offered(side, id, &sdp, invite, &abilities),
            (_, Signal::OfferAcked { sdp }) => self.offer_acked(side, &sdp),
            (_, Signal::Keyed { digit }) => self.keyed(side, digit),
            (
                _,
                Signal::Reoffered {
                    status,
                    sdp,
                    abilities,
                },
            ) => self.reoffered(side, status, &sdp, &abilities),
            // A leg does not say what is not its to say.
            (Side::Caller, _) | (Side::Callee, _) => {}
        }
    }

    /// A digit that came with the signalling: what listens to the sound for digits does not hear it,
    /// so it is passed on from here.
    fn keyed(&mut self, side: Side, digit: char) {
        if self.stage == Stage::Talking {
            self.ask(Command::Key(side.other(), digit));
        }
        self.digit(side, digit);
    }

    fn digit(&mut self, side: Side, digit: char) {
        if side != Side::Caller {
            return;
        }
        match &mut self.stage {
            Stage::Extension { .. } => self.extension_digit(digit),
            Stage::Asking { .. } => self.answer_digit(digit),
            _ => {}
        }
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Ring => self.rang_out(),
            Timer::NoSign => self.no_sign(),
            Timer::Talk => self.talked_out(),
            Timer::LastMinute => self.last_minute(),
            Timer::Played => self.play_is_over(),
            Timer::Digit => self.no_digit(),
            Timer::Refresh(side) => self.refresh(side),
            Timer::Expiry(side) => self.lost(side),
            Timer::Glare(side) => {
                if let Some(leg) = self.leg(side) {
                    leg.glare = false;
                }
                self.offer_again(side);
            }
        }
    }

    /// What our next answer to the caller says about the session timer.
    fn caller_session(&mut self) -> Vec<Extra> {
        let abilities = self.arrival.abilities;
        self.caller.session.answer(&abilities)
    }

    /// Sets the timers of a leg's session anew.
    fn keep_session(&mut self, side: Side) {
        let Some(leg) = self.leg(side) else { return };
        let (refresh, expiry) = (leg.session.refresh_ms(), leg.session.expiry_ms());
        for (timer, ms) in [
            (Timer::Refresh(side), refresh),
            (Timer::Expiry(side), expiry),
        ] {
            match ms {
                Some(ms) => self.ask(Command::Set(timer, ms)),
                None => self.ask(Command::Clear(timer)),
            }
        }
    }
}
