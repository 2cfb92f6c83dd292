//! From the answer to the end: what each leg wants changed, and what follows for the other.

use axbridge_domain::call::{CallResult, ReleasedBy};

use super::{Call, Clip, Command, Side, Stage, Timer};
use crate::stack::{Abilities, OfferId};

/// The last minute, of which a tone tells, in milliseconds.
const LAST_MINUTE_MS: u64 = 60_000;
/// How often we offer again after both offered at once.
const GLARES_MAX: u32 = 5;

impl Call {
    /// The two talk.
    pub(super) fn talk(&mut self) {
        self.stage = Stage::Talking;
        self.ask(Command::Clear(Timer::Played));
        self.ask(Command::Bridge(true));
        let (record, talk_ms_max) = self
            .plan
            .as_deref()
            .map_or((false, None), |plan| (plan.record, plan.talk_ms_max));
        if record {
            self.ask(Command::Record);
        }
        if let Some(ms) = talk_ms_max {
            self.ask(Command::Set(Timer::Talk, ms));
            if ms > LAST_MINUTE_MS {
                self.ask(Command::Set(Timer::LastMinute, ms - LAST_MINUTE_MS));
            }
        }
        self.resync(Side::Caller);
        self.resync(Side::Callee);
    }

    pub(super) fn last_minute(&mut self) {
        if self.stage == Stage::Talking {
            for side in Side::BOTH {
                self.ask(Command::Play(side, Clip::LastMinute));
            }
        }
    }

    pub(super) fn talked_out(&mut self) {
        if self.stage == Stage::Talking {
            self.finish(CallResult::Connected, ReleasedBy::Platform, 480);
        }
    }

    /// Nothing is heard of a side that should be heard: of one that was answered, also while it
    /// waits, listens to a prompt or is asked for something. Before the answer many networks let
    /// nothing through.
    pub(super) fn silent(&mut self, side: Side) {
        let should_speak = self
            .leg(side)
            .is_some_and(|leg| leg.up && leg.sound.allows().receives());
        if !should_speak {
            return;
        }
        let result = if self.talked {
            CallResult::Connected
        } else {
            CallResult::caller_left(self.progress())
        };
        self.finish(result, ReleasedBy::Platform, 480);
    }

    /// A leg asks for a change or a refresh.
    pub(super) fn offered(
        &mut self,
        side: Side,
        id: OfferId,
        sdp: &[u8],
        invite: bool,
        abilities: &Abilities,
    ) {
        let (wanted, codec) = self.wish(side);
        let Some(leg) = self.leg(side) else { return };
        let up = leg.up;
        if let Some(extras) = leg.session.refusal(abilities) {
            return self.answer_offer(side, id, 422, None, extras, false);
        }
        if sdp.is_empty() {
            // A refresh, or a re-INVITE that wants our offer.
            let sdp = invite.then(|| leg.sound.offer(wanted, codec));
            leg.described &= !invite;
            let extras = leg.session.answer(abilities);
            return self.answer_offer(side, id, 200, sdp, extras, up);
        }
        if leg.sound.read_offer(sdp).is_err() {
            return self.answer_offer(side, id, 488, None, Vec::new(), false);
        }
        let Ok((answer, sound)) = leg.sound.answer(wanted, codec) else {
            return self.answer_offer(side, id, 488, None, Vec::new(), false);
        };
        leg.described = true;
        let extras = if up {
            leg.session.answer(abilities)
        } else {
            Vec::new()
        };
        self.ask(Command::Hear(side, sound));
        self.answer_offer(side, id, 200, Some(answer), extras, up);
        self.resync(side.other());
    }

    fn answer_offer(
        &mut self,
        side: Side,
        id: OfferId,
        status: u16,
        sdp: Option<Vec<u8>>,
        extras: Vec<crate::stack::Extra>,
        up: bool,
    ) {
        self.ask(Command::AnswerOffer {
            side,
            id,
            status,
            sdp,
            extras,
        });
        if up {
            self.keep_session(side);
        }
    }

    /// The description that a leg owed us for our offer in answer to its re-INVITE.
    pub(super) fn offer_acked(&mut self, side: Side, sdp: &[u8]) {
        let Some(leg) = self.leg(side) else { return };
        let owed = !std::mem::replace(&mut leg.described, true);
        if owed
            && !sdp.is_empty()
            && let Ok(sound) = leg.sound.take_answer(sdp)
        {
            self.ask(Command::Hear(side, sound));
        }
        self.resync(side);
    }

    /// Brings a leg to what the other allows, by an offer of ours if it is not there.
    pub(super) fn resync(&mut self, side: Side) {
        let talks = matches!(self.stage, Stage::Notice { .. } | Stage::Talking);
        let (wanted, codec) = self.wish(side);
        let session_s = self.settings.session_s;
        let Some(leg) = self.leg(side) else { return };
        let settled = leg.up && leg.described && !leg.gone && !leg.offering && !leg.glare;
        if !talks || !settled || !leg.sound.differs(wanted) {
            return;
        }
        leg.offering = true;
        let sdp = leg.sound.offer(wanted, codec);
        let extras = leg.session.ask(session_s);
        self.ask(Command::Reoffer {
            side,
            sdp: Some(sdp),
            extras,
        });
    }

    /// Our turn to refresh.
    pub(super) fn refresh(&mut self, side: Side) {
        let (wanted, codec) = self.wish(side);
        let session_s = self.settings.session_s;
        let Some(leg) = self.leg(side) else { return };
        leg.session.due = true;
        if !leg.up || leg.gone || leg.offering || leg.glare {
            // The offer that is out, or comes after the pause, refreshes too.
            return;
        }
        leg.offering = true;
        let sdp = (!leg.session.by_update).then(|| leg.sound.offer(wanted, codec));
        let extras = leg.session.ask(session_s);
        self.ask(Command::Reoffer { side, sdp, extras });
    }

    /// What came of our offer or refresh.
    pub(super) fn reoffered(&mut self, side: Side, status: u16, sdp: &[u8], abilities: &Abilities) {
        let [dice, _] = self.arrival.dice;
        let Some(leg) = self.leg(side) else { return };
        leg.offering = false;
        match status {
            200..300 => {
                leg.glares = 0;
                leg.session.answered(abilities);
                let heard = (!sdp.is_empty()).then(|| leg.sound.take_answer(sdp));
                if let Some(Ok(sound)) = heard {
                    self.ask(Command::Hear(side, sound));
                }
                self.keep_session(side);
                self.resync(side);
            }
            491 if leg.glares < GLARES_MAX => {
                leg.glares += 1;
                leg.glare = true;
                let pause = glare_pause_ms(side, dice.rotate_left(leg.glares));
                self.ask(Command::Set(Timer::Glare(side), pause));
            }
            // The dialog is gone (RFC 3261 §12.2.1.2).
            408 | 481 => self.lost(side),
            422 if leg.session.lengthen(abilities.min_se_s) => self.offer_again(side),
            // It stays as it was; the other side's wish is not granted.
            _ => {
                leg.sound.was_refused();
                if let Some(ms) = leg.session.retry_ms() {
                    self.ask(Command::Set(Timer::Refresh(side), ms));
                }
            }
        }
    }

    /// Says anew what could not be said: a change, or at least that the session goes on.
    pub(super) fn offer_again(&mut self, side: Side) {
        self.resync(side);
        let owed = self
            .leg(side)
            .is_some_and(|leg| leg.session.due && !leg.offering);
        if owed {
            self.refresh(side);
        }
    }
}

/// How long to wait after both offered at once (RFC 3261 §14.1): the one that made the Call-ID
/// 2.1 to 4 s, the other up to 2 s, in steps of 10 ms.
const fn glare_pause_ms(side: Side, dice: u64) -> u64 {
    match side {
        Side::Callee => 2_100 + dice % 191 * 10,
        Side::Caller => dice % 201 * 10,
    }
}
