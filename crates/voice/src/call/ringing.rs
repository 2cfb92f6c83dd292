//! Reaching the callee: way after way, until one rings, answers or refuses for good.

use axbridge_app::calls::Announcement;
use axbridge_domain::call::{CallResult, ReleasedBy};

use super::{Call, CallSettings, Clip, Command, Leg, Side, Stage, Timer};
use crate::stack::Abilities;

impl Call {
    /// Begins to reach the callee.
    pub(super) fn ring(&mut self) {
        self.stage = Stage::Ringing;
        if self.caller.up {
            self.ask(Command::Play(Side::Caller, Clip::Ringback));
        }
        let ms = self.settings.ring_ms_max;
        self.ask(Command::Set(Timer::Ring, ms));
        self.call_out();
    }

    /// Another number for each attempt, which the caller's does not tell.
    const fn callee_session_id(&self) -> u64 {
        let [_, dice] = self.arrival.dice;
        let attempt = 2 * self.way as u64 + self.callee_min_s.is_some() as u64;
        dice.wrapping_add(attempt << 1)
    }

    fn call_out(&mut self) {
        let session_id = self.callee_session_id();
        let (wanted, codec) = self.wish(Side::Callee);
        let CallSettings {
            session_s,
            session_s_min,
            no_sign_ms_max,
            ..
        } = self.settings;
        let (way, callee_min_s) = (self.way, self.callee_min_s);
        let Some(plan) = self.plan.as_deref() else {
            return;
        };
        let Some(codecs) = plan.ways.get(way).cloned() else {
            return self.finish(CallResult::RoutingFailure, ReleasedBy::Platform, 503);
        };
        let mut callee = Leg::new(session_id, codecs, session_s_min);
        callee.session.lengthen(callee_min_s);
        callee.sound.place(plan.callee_media);
        let sdp = callee.sound.offer(wanted, codec);
        let extras = callee.session.ask(session_s);
        self.callee = Some(callee);
        self.ask(Command::CallOut { way, sdp, extras });
        self.ask(Command::Set(Timer::NoSign, no_sign_ms_max));
    }

    pub(super) fn provisional(&mut self, status: u16, sdp: &[u8]) {
        if self.stage != Stage::Ringing {
            return;
        }
        self.ask(Command::Clear(Timer::NoSign));
        if status == 180 && !self.rang {
            self.rang = true;
            self.ask(Command::Rang);
        }
        let early = !sdp.is_empty() && self.take_callee(sdp);
        if early {
            self.ask(Command::Stop(Side::Caller));
            self.ask(Command::Bridge(true));
        }
        if self.caller.up {
            return;
        }
        if early && !self.caller.described && self.caller.sound.has_offer() {
            let sdp = self.describe_to_caller();
            self.ask(Command::Provisional { status: 183, sdp });
        } else if matches!(status, 180..=183) {
            self.ask(Command::Provisional { status, sdp: None });
        }
    }

    /// Takes the callee's description; false if it is unusable.
    fn take_callee(&mut self, sdp: &[u8]) -> bool {
        let Some(callee) = &mut self.callee else {
            return false;
        };
        match callee.sound.take_answer(sdp) {
            Ok(sound) => {
                callee.described = true;
                self.ask(Command::Hear(Side::Callee, sound));
                true
            }
            Err(_) => false,
        }
    }

    pub(super) fn callee_answered(&mut self, sdp: &[u8], abilities: &Abilities) {
        if self.stage != Stage::Ringing {
            return;
        }
        let Some(callee) = &mut self.callee else {
            return;
        };
        callee.up = true;
        callee.session.answered(abilities);
        self.ask(Command::Clear(Timer::NoSign));
        self.ask(Command::Clear(Timer::Ring));
        let described = self.callee.as_ref().is_some_and(|callee| callee.described);
        // The 2xx must describe the session, unless a reliable answer before it did (RFC 3261
        // §13.2.1).
        let taken = if sdp.is_empty() {
            described
        } else {
            self.take_callee(sdp)
        };
        if !taken {
            return self.finish(CallResult::PlatformError, ReleasedBy::Platform, 502);
        }
        self.keep_session(Side::Callee);
        self.ask(Command::Stop(Side::Caller));
        self.answer_caller();
        self.talked = true;
        self.ask(Command::Answered);
        self.before_talking();
    }

    /// What both must hear first.
    fn before_talking(&mut self) {
        let Some(plan) = self.plan.as_deref() else {
            return;
        };
        let notice = plan.record && plan.notice;
        let prompt = plan.callee_prompt.clone();
        if !notice && prompt.is_none() {
            return self.talk();
        }
        self.ask(Command::Bridge(false));
        self.stage = Stage::Notice {
            caller: notice,
            callee: true,
        };
        if notice {
            self.play(Side::Caller, Clip::Announcement(Announcement::Recorded));
        }
        let for_callee = match prompt {
            Some(code) => Clip::Prompt(code),
            None => Clip::Announcement(Announcement::Recorded),
        };
        self.play(Side::Callee, for_callee);
    }

    pub(super) fn callee_refused(
        &mut self,
        status: u16,
        cause: Option<u8>,
        unreachable: bool,
        min_se_s: Option<u32>,
    ) {
        if self.stage != Stage::Ringing {
            return;
        }
        if let Some(callee) = &mut self.callee {
            callee.gone = true;
        }
        self.ask(Command::Clear(Timer::NoSign));
        if let (422, Some(_), None) = (status, min_se_s, self.callee_min_s) {
            // RFC 4028 §7.3: once more, with what it wants.
            self.callee_min_s = min_se_s;
            return self.call_out();
        }
        let may_go_elsewhere = unreachable || matches!(status, 500 | 502 | 503 | 504);
        if may_go_elsewhere && !self.rang && self.next_way() {
            return;
        }
        let result = CallResult::from_sip(status, cause, self.progress());
        self.failed(result, ReleasedBy::Callee, status);
    }

    /// Tries the next way; false if there is none.
    fn next_way(&mut self) -> bool {
        let ways = self.plan().map_or(0, |plan| plan.ways.len());
        if self.way + 1 >= ways {
            return false;
        }
        self.way += 1;
        self.callee_min_s = None;
        self.ask(Command::Bridge(false));
        self.call_out();
        true
    }

    /// The trunk gives no sign of life.
    pub(super) fn no_sign(&mut self) {
        let waits = self.stage == Stage::Ringing && self.callee.as_ref().is_some_and(|it| !it.gone);
        if !waits {
            return;
        }
        self.give_up_callee();
        if !self.next_way() {
            let result = CallResult::waited_too_long(self.progress());
            self.failed(result, ReleasedBy::Platform, 408);
        }
    }

    pub(super) fn rang_out(&mut self) {
        if self.stage != Stage::Ringing {
            return;
        }
        self.give_up_callee();
        let result = CallResult::waited_too_long(self.progress());
        self.failed(result, ReleasedBy::Platform, 480);
    }

    fn give_up_callee(&mut self) {
        if let Some(callee) = &mut self.callee
            && !callee.gone
        {
            callee.gone = true;
            self.ask(Command::Cancel);
        }
    }

    /// The callee was not reached: the final answer, or first the announcement.
    fn failed(&mut self, result: CallResult, by: ReleasedBy, status: u16) {
        let status = super::ending::caller_status(status);
        self.came_out(result, by);
        self.ask(Command::Clear(Timer::Ring));
        if self.settings.announce_failures || self.caller.up {
            let announcement = match result {
                CallResult::Busy | CallResult::LineBusy => Announcement::Busy,
                CallResult::NetworkBusy | CallResult::PlatformError => Announcement::TryLater,
                _ => Announcement::NoAnswer,
            };
            self.announce(announcement, status);
        } else {
            self.close(status);
        }
    }
}
