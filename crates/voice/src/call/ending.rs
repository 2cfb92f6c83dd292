//! The end, from every stage: each leg is ended exactly once, and the call is told of exactly once.

use axbridge_app::calls::CallEnd;
use axbridge_domain::call::{CallResult, ReleasedBy};

use super::{Call, Command, Side, Stage, Timer};
use crate::stack::Extra;

impl Call {
    /// Notes how it came out; the first word counts.
    pub(super) fn came_out(&mut self, result: CallResult, released_by: ReleasedBy) {
        let verification = self.verification.clone();
        self.end.get_or_insert(CallEnd {
            result,
            released_by,
            verification,
        });
    }

    /// Refuses a caller that is no call for the record.
    pub(super) fn turn_away(&mut self, status: u16, extras: Vec<Extra>) {
        self.caller.gone = true;
        self.stage = Stage::Over;
        self.ask(Command::Refuse { status, extras });
    }

    /// Ends the call with this result; `status` is what an unanswered caller is told.
    pub(super) fn finish(&mut self, result: CallResult, by: ReleasedBy, status: u16) {
        self.came_out(result, by);
        self.close(status);
    }

    /// Ends what is left of both legs.
    pub(super) fn close(&mut self, status: u16) {
        self.stage = Stage::Over;
        if !std::mem::replace(&mut self.caller.gone, true) {
            if self.caller.up {
                self.ask(Command::Bye(Side::Caller));
            } else {
                self.ask(Command::Refuse {
                    status,
                    extras: Vec::new(),
                });
            }
        }
        let callee = self.callee.as_mut().and_then(|callee| {
            let was_gone = std::mem::replace(&mut callee.gone, true);
            (!was_gone).then_some(callee.up)
        });
        match callee {
            Some(true) => self.ask(Command::Bye(Side::Callee)),
            Some(false) => self.ask(Command::Cancel),
            None => {}
        }
        let Some(mut end) = self.end.take() else {
            return;
        };
        end.verification = self.verification.take();
        self.ask(Command::Ended(end));
    }

    /// The caller gave up before the answer, or hung up.
    pub(super) fn caller_left(&mut self, hung_up: bool) {
        if hung_up {
            self.caller.gone = true;
        } else if self.caller.up {
            // The CANCEL crossed our answer: it has no effect (RFC 3261 §9.2).
            return;
        }
        self.finish(
            CallResult::caller_left(self.progress()),
            ReleasedBy::Caller,
            487,
        );
    }

    /// A side said BYE.
    pub(super) fn hung_up(&mut self, side: Side) {
        match side {
            Side::Caller => self.caller_left(true),
            Side::Callee => {
                let Some(callee) = &mut self.callee else {
                    return;
                };
                callee.gone = true;
                let result = CallResult::from_sip(487, None, self.progress());
                self.finish(result, ReleasedBy::Callee, 480);
            }
        }
    }

    /// A side is gone without a word: no ACK, no refresh, no dialog.
    pub(super) fn lost(&mut self, side: Side) {
        if self.leg(side).is_none_or(|leg| leg.gone) {
            return;
        }
        let result = if self.talked {
            CallResult::Connected
        } else {
            CallResult::PlatformError
        };
        self.ask(Command::Clear(Timer::Expiry(side)));
        self.finish(result, ReleasedBy::Platform, 480);
    }

    pub(super) fn shut_down(&mut self) {
        let result = if self.talked {
            CallResult::Connected
        } else {
            CallResult::PlatformError
        };
        self.finish(result, ReleasedBy::Platform, 503);
    }
}

/// What a caller is told when the callee's side answers with this: its own status where the
/// caller's network can make something of it, else the nearest such; never a redirection, a
/// challenge, or anything that tells how the callee is reached.
pub(super) const fn caller_status(status: u16) -> u16 {
    match status {
        403 | 404 | 410 | 480 | 484 | 486 | 487 | 488 | 503 | 600 | 603 | 604 => status,
        408 => 480,
        606 => 488,
        607 | 608 => 603,
        500..600 => 503,
        _ => 480,
    }
}
