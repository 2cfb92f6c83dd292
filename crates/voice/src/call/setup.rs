//! From the arrival to the answer.

use axbridge_app::calls::Announcement;
use axbridge_domain::call::{CallResult, ReleasedBy};

use super::{Call, Clip, Command, Plan, Side, Stage, Timer, Verdict};
use crate::sdp::{Codec, Direction};

impl Call {
    pub(super) fn begin(&mut self) {
        if let Some(extras) = self.caller.session.refusal(&self.arrival.abilities) {
            return self.turn_away(422, extras);
        }
        let offer = std::mem::take(&mut self.arrival.sdp);
        if !offer.is_empty() && self.caller.sound.read_offer(&offer).is_err() {
            return self.turn_away(488, Vec::new());
        }
        self.ask(Command::Admit { extension: None });
    }

    pub(super) fn admitted(&mut self, verdict: Verdict) {
        if self.stage != Stage::Deciding {
            return;
        }
        match verdict {
            Verdict::Connect(plan) => {
                self.caller.sound.place(plan.caller_media);
                self.plan = Some(plan);
                self.before_ringing();
            }
            Verdict::AskExtension { media } => {
                self.caller.sound.place(media);
                self.answer_caller();
                self.stage = Stage::Extension {
                    keyed: String::new(),
                };
                self.play(Side::Caller, Clip::AskExtension);
                self.await_digit();
            }
            Verdict::Refuse {
                result,
                announcement,
                status,
            } => {
                self.came_out(result, ReleasedBy::Platform);
                match announcement {
                    Some((announcement, media)) => {
                        self.caller.sound.place(media);
                        self.announce(announcement, status);
                    }
                    None => self.close(status),
                }
            }
        }
    }

    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// Prompt, then question, then the ringing.
    fn before_ringing(&mut self) {
        let prompt = self.plan().and_then(|plan| plan.caller_prompt.clone());
        match prompt {
            Some(code) => {
                self.open_ear();
                self.stage = Stage::Prompt;
                self.play(Side::Caller, Clip::Prompt(code));
            }
            None => self.ask_question(),
        }
    }

    /// Lets the caller hear us before the answer, if it can.
    pub(super) fn open_ear(&mut self) {
        if self.caller.up || self.caller.described {
            return;
        }
        if self.caller.sound.has_offer() {
            let sdp = self.describe_to_caller();
            self.ask(Command::Provisional { status: 183, sdp });
        } else {
            // A caller that wants our offer can only be given it with the answer.
            self.answer_caller();
        }
    }

    /// Our answer to the caller's offer, and the caller's sound along with it.
    pub(super) fn describe_to_caller(&mut self) -> Option<Vec<u8>> {
        let (wanted, codec) = self.wish(Side::Caller);
        let (sdp, sound) = self.caller.sound.answer(wanted, codec).ok()?;
        self.caller.described = true;
        self.ask(Command::Hear(Side::Caller, sound));
        Some(sdp)
    }

    /// What the other side allows, and its codec.
    pub(super) fn wish(&self, side: Side) -> (Direction, Option<Codec>) {
        let other = match side {
            Side::Caller => self.callee.as_ref(),
            Side::Callee => Some(&self.caller),
        };
        other.map_or((Direction::SendRecv, None), |leg| {
            (leg.sound.allows().reversed(), leg.sound.codec())
        })
    }

    /// Answers the caller, if that was not done yet.
    pub(super) fn answer_caller(&mut self) {
        if self.caller.up {
            return;
        }
        let sdp = if self.caller.described {
            self.caller.sound.again()
        } else if self.caller.sound.has_offer() {
            self.describe_to_caller()
        } else {
            let (wanted, codec) = self.wish(Side::Caller);
            Some(self.caller.sound.offer(wanted, codec))
        };
        self.caller.up = true;
        let extras = self.caller_session();
        self.ask(Command::Accept { sdp, extras });
        self.keep_session(Side::Caller);
    }

    /// The caller's description came with its ACK or PRACK.
    pub(super) fn caller_described(&mut self, sdp: &[u8]) {
        if self.caller.described || sdp.is_empty() {
            if self.caller.up {
                self.resync(Side::Caller);
            }
            return;
        }
        match self.caller.sound.take_answer(sdp) {
            Ok(sound) => {
                self.caller.described = true;
                self.ask(Command::Hear(Side::Caller, sound));
                self.resync(Side::Caller);
                self.resync(Side::Callee);
            }
            Err(_) => self.finish(CallResult::PlatformError, ReleasedBy::Platform, 488),
        }
    }

    pub(super) fn play(&mut self, side: Side, clip: Clip) {
        self.ask(Command::Play(side, clip));
        let ms = self.settings.played_ms_max;
        self.ask(Command::Set(Timer::Played, ms));
    }

    pub(super) fn await_digit(&mut self) {
        let ms = self.settings.digit_ms_max;
        self.ask(Command::Set(Timer::Digit, ms));
    }

    /// Plays why nobody rings, then refuses with `status`.
    pub(super) fn announce(&mut self, announcement: Announcement, status: u16) {
        let can_hear = self.caller.up
            || self.caller.described
            || self.caller.sound.has_offer()
            || self.arrival.answer_refusals;
        if !can_hear {
            return self.close(status);
        }
        if self.arrival.answer_refusals {
            self.answer_caller();
        } else {
            self.open_ear();
        }
        self.stage = Stage::Announcing { status };
        self.ask(Command::Bridge(false));
        self.play(Side::Caller, Clip::Announcement(announcement));
    }

    /// Something was played to its end.
    pub(super) fn played(&mut self, side: Side) {
        match (&mut self.stage, side) {
            (Stage::Announcing { status }, Side::Caller) => {
                let status = *status;
                self.close(status);
            }
            (Stage::Prompt, Side::Caller) => {
                self.ask(Command::Clear(Timer::Played));
                self.ask_question();
            }
            (Stage::Asking { .. } | Stage::Extension { .. }, Side::Caller) => {
                self.ask(Command::Clear(Timer::Played));
                self.await_digit();
            }
            (Stage::Notice { caller, callee }, _) => {
                match side {
                    Side::Caller => *caller = false,
                    Side::Callee => *callee = false,
                }
                if !*caller && !*callee {
                    self.talk();
                }
            }
            _ => {}
        }
    }

    /// The player did not say that it is done.
    pub(super) fn play_is_over(&mut self) {
        self.played(Side::Caller);
        if matches!(self.stage, Stage::Notice { .. }) {
            self.played(Side::Callee);
        }
    }
}
