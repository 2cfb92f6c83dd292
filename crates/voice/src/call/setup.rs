//! From the arrival to the answer.

use axbridge_app::calls::{Announcement, Verification};
use axbridge_domain::call::{CallResult, ReleasedBy};

use super::{Call, Clip, Command, Leg, Plan, Question, Side, Stage, Timer, Verdict, session};
use crate::{
    sdp::{Codec, Direction},
    stack::{Abilities, Extra},
};

/// How often a caller may answer the question.
const TRIES_MAX: u32 = 3;
/// The most digits of an extension.
const EXTENSION_DIGITS_MAX: usize = 4;
/// The key that ends what is keyed.
const END_KEY: char = '#';

impl Call {
    pub(super) fn begin(&mut self) {
        let abilities = self.arrival.abilities;
        let too_short = abilities
            .expires_s
            .is_some_and(|asked| asked < session::SESSION_S_MIN);
        if too_short && abilities.timer {
            // RFC 4028 §9.
            let min = session::SESSION_S_MIN.to_string();
            return self.turn_away(422, vec![Extra::new("Min-SE", min)]);
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

    fn plan(&self) -> Option<&Plan> {
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

    fn ask_question(&mut self) {
        let question = self.plan().and_then(|plan| plan.question.clone());
        match question {
            Some(question) => {
                // Many networks let nothing of the caller through before the answer.
                self.answer_caller();
                self.verification = Some(Verification {
                    voice_code: question.voice_code,
                    correct: question.digits.clone(),
                    answer: String::new(),
                    passed: false,
                });
                self.stage = Stage::Asking {
                    keyed: String::new(),
                    tries: 0,
                };
                self.play(Side::Caller, Clip::Question(question.digits));
            }
            None => self.ring(),
        }
    }

    /// Lets the caller hear us before the answer, if it can.
    fn open_ear(&mut self) {
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
    fn describe_to_caller(&mut self) -> Option<Vec<u8>> {
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

    fn play(&mut self, side: Side, clip: Clip) {
        self.ask(Command::Play(side, clip));
        let ms = self.settings.played_ms_max;
        self.ask(Command::Set(Timer::Played, ms));
    }

    fn await_digit(&mut self) {
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

    pub(super) fn extension_digit(&mut self, digit: char) {
        let Stage::Extension { keyed } = &mut self.stage else {
            return;
        };
        if digit.is_ascii_digit() {
            keyed.push(digit);
        }
        if digit == END_KEY || keyed.len() >= EXTENSION_DIGITS_MAX {
            self.extension_keyed();
        } else {
            self.ask(Command::Stop(Side::Caller));
            self.ask(Command::Clear(Timer::Played));
            self.await_digit();
        }
    }

    fn extension_keyed(&mut self) {
        let Stage::Extension { keyed } = &mut self.stage else {
            return;
        };
        let extension = std::mem::take(keyed);
        self.stage = Stage::Deciding;
        self.ask(Command::Stop(Side::Caller));
        self.ask(Command::Clear(Timer::Played));
        self.ask(Command::Clear(Timer::Digit));
        self.ask(Command::Admit {
            extension: Some(extension),
        });
    }

    pub(super) fn answer_digit(&mut self, digit: char) {
        let Some(correct) = self
            .plan()
            .and_then(|plan| plan.question.as_ref())
            .map(|question| question.digits.clone())
        else {
            return;
        };
        let Stage::Asking { keyed, .. } = &mut self.stage else {
            return;
        };
        if digit.is_ascii_digit() {
            keyed.push(digit);
        }
        let done = digit == END_KEY || keyed.len() >= correct.len();
        self.ask(Command::Stop(Side::Caller));
        self.ask(Command::Clear(Timer::Played));
        if done {
            self.judge_answer(&correct);
        } else {
            self.await_digit();
        }
    }

    fn judge_answer(&mut self, correct: &str) {
        let Stage::Asking { keyed, tries } = &mut self.stage else {
            return;
        };
        let answer = std::mem::take(keyed);
        *tries += 1;
        let tries = *tries;
        let passed = answer == correct;
        self.ask(Command::Clear(Timer::Digit));
        if let Some(verification) = &mut self.verification {
            verification.answer = answer;
            verification.passed = passed;
        }
        if passed {
            self.ring();
        } else if tries < TRIES_MAX {
            self.play(Side::Caller, Clip::WrongAnswer(correct.to_owned()));
        } else {
            self.came_out(CallResult::CheckFailed, ReleasedBy::Platform);
            self.announce(Announcement::NotPermitted, 403);
        }
    }

    /// Nothing was keyed for too long.
    pub(super) fn no_digit(&mut self) {
        match &self.stage {
            Stage::Extension { .. } => self.extension_keyed(),
            Stage::Asking { .. } => {
                let correct = self
                    .plan()
                    .and_then(|plan| plan.question.as_ref())
                    .map(|Question { digits, .. }| digits.clone());
                if let Some(correct) = correct {
                    self.judge_answer(&correct);
                }
            }
            _ => {}
        }
    }

    /// Begins to reach the callee.
    fn ring(&mut self) {
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
        let attempt = 2 * self.way as u64 + self.too_short as u64;
        dice.wrapping_add(attempt << 1)
    }

    fn call_out(&mut self) {
        let Some(plan) = self.plan.as_deref() else {
            return;
        };
        let Some(codecs) = plan.ways.get(self.way).cloned() else {
            return self.finish(CallResult::RoutingFailure, ReleasedBy::Platform, 503);
        };
        let mut callee = Leg::new(self.callee_session_id(), codecs);
        callee.sound.place(plan.callee_media);
        self.callee = Some(callee);
        self.offer_to_callee(self.settings.session_s);
    }

    fn offer_to_callee(&mut self, session_s: u32) {
        let (wanted, codec) = self.wish(Side::Callee);
        let way = self.way;
        let Some(callee) = &mut self.callee else {
            return;
        };
        let sdp = callee.sound.offer(wanted, codec);
        let extras = callee.session.ask(session_s);
        self.ask(Command::CallOut { way, sdp, extras });
        let ms = self.settings.no_sign_ms_max;
        self.ask(Command::Set(Timer::NoSign, ms));
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
        if let (422, Some(min), false) = (status, min_se_s, self.too_short) {
            // RFC 4028 §7.3: once more, with what it wants.
            self.too_short = true;
            self.callee = None;
            return self.call_out_with(min);
        }
        let may_go_elsewhere = unreachable || matches!(status, 500 | 502 | 503 | 504);
        if may_go_elsewhere && !self.rang && self.next_way() {
            return;
        }
        let result = CallResult::from_sip(status, cause, self.progress());
        self.failed(result, ReleasedBy::Callee, status);
    }

    fn call_out_with(&mut self, session_s: u32) {
        let Some(plan) = self.plan.as_deref() else {
            return;
        };
        let codecs = plan.ways.get(self.way).cloned().unwrap_or_default();
        let mut callee = Leg::new(self.callee_session_id(), codecs);
        callee.sound.place(plan.callee_media);
        self.callee = Some(callee);
        self.offer_to_callee(session_s);
    }

    /// Tries the next way; false if there is none.
    fn next_way(&mut self) -> bool {
        let ways = self.plan().map_or(0, |plan| plan.ways.len());
        if self.way + 1 >= ways {
            return false;
        }
        self.way += 1;
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
