//! The session timer of one leg (RFC 4028): who refreshes, when, and when it is over.

use crate::stack::{Abilities, Extra, Refresher};

/// The shortest session that may be asked for, in seconds (RFC 4028 §5).
pub(super) const SESSION_S_MIN: u32 = 90;
/// The longest that we keep to, in seconds; a longer one is no check at all.
const SESSION_S_MAX: u32 = 7_200;

/// What was agreed about a leg's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Session {
    agreed: Option<Agreed>,
    /// Whether the peer takes UPDATE, so that a refresh needs no offer.
    pub(super) by_update: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Agreed {
    interval_s: u32,
    we_refresh: bool,
}

impl Session {
    /// Answers a request: takes what the peer asks for, and says what our answer carries (§9).
    pub(super) fn answer(&mut self, peer: &Abilities) -> Vec<Extra> {
        self.by_update |= peer.update;
        let Some(asked_s) = peer.expires_s else {
            self.agreed = None;
            return Vec::new();
        };
        let interval_s = asked_s.clamp(SESSION_S_MIN, SESSION_S_MAX);
        // A peer that knows no timers had its header written by somebody on the way: then we
        // refresh, and ask nothing of it.
        let they_refresh = peer.timer && peer.refresher != Some(Refresher::Uas);
        self.agreed = Some(Agreed {
            interval_s,
            we_refresh: !they_refresh,
        });
        let who = if they_refresh { "uac" } else { "uas" };
        let mut extras = vec![Extra::new(
            "Session-Expires",
            format!("{interval_s};refresher={who}"),
        )];
        if they_refresh {
            extras.push(Extra::new("Require", "timer"));
        }
        extras
    }

    /// What a request of ours carries.
    pub(super) fn ask(&self, session_s: u32) -> Vec<Extra> {
        match self.agreed {
            Some(agreed) => {
                let who = if agreed.we_refresh { "uac" } else { "uas" };
                vec![Extra::new(
                    "Session-Expires",
                    format!("{};refresher={who}", agreed.interval_s),
                )]
            }
            None => vec![Extra::new("Session-Expires", session_s.to_string())],
        }
    }

    /// Takes the peer's answer to a request of ours (§7.2): without the header there is no timer.
    pub(super) fn answered(&mut self, peer: &Abilities) {
        self.by_update |= peer.update;
        self.agreed = peer.expires_s.map(|interval_s| Agreed {
            interval_s: interval_s.clamp(SESSION_S_MIN, SESSION_S_MAX),
            we_refresh: peer.refresher != Some(Refresher::Uas),
        });
    }

    /// When we must refresh, in milliseconds from now (§7.2: half way).
    pub(super) fn refresh_ms(&self) -> Option<u64> {
        let agreed = self.agreed.filter(|agreed| agreed.we_refresh)?;
        Some(u64::from(agreed.interval_s) * 1000 / 2)
    }

    /// When a session that the peer must refresh is over, in milliseconds from now (§10: a little
    /// before the interval ends).
    pub(super) fn expiry_ms(&self) -> Option<u64> {
        let agreed = self.agreed.filter(|agreed| !agreed.we_refresh)?;
        let early_s = (agreed.interval_s / 3).min(32);
        Some(u64::from(agreed.interval_s - early_s) * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(expires_s: Option<u32>, refresher: Option<Refresher>, timer: bool) -> Abilities {
        Abilities {
            expires_s,
            refresher,
            timer,
            ..Abilities::default()
        }
    }

    fn said(extras: &[Extra]) -> Vec<(&str, &str)> {
        extras
            .iter()
            .map(|extra| (extra.name, extra.value.as_str()))
            .collect()
    }

    #[test]
    fn a_caller_that_asks_for_a_timer_gets_it_and_refreshes_it_itself() {
        let mut session = Session::default();
        assert!(session.answer(&peer(None, None, true)).is_empty());
        let extras = session.answer(&peer(Some(120), None, true));
        assert_eq!(
            said(&extras),
            [
                ("Session-Expires", "120;refresher=uac"),
                ("Require", "timer")
            ]
        );
        assert_eq!(
            (session.refresh_ms(), session.expiry_ms()),
            (None, Some(88_000))
        );
    }

    #[test]
    fn we_refresh_where_the_caller_cannot_or_wants_us_to() {
        let mut session = Session::default();
        let extras = session.answer(&peer(Some(120), None, false));
        assert_eq!(said(&extras), [("Session-Expires", "120;refresher=uas")]);
        assert_eq!(
            (session.refresh_ms(), session.expiry_ms()),
            (Some(60_000), None)
        );
        session.answer(&peer(Some(1_000), Some(Refresher::Uas), true));
        assert_eq!(session.refresh_ms(), Some(500_000));
    }

    #[test]
    fn a_callee_decides_about_the_timer_that_we_ask_for() {
        let mut session = Session::default();
        assert_eq!(said(&session.ask(1_800)), [("Session-Expires", "1800")]);
        session.answered(&peer(None, None, false));
        assert_eq!((session.refresh_ms(), session.expiry_ms()), (None, None));
        session.answered(&peer(Some(600), Some(Refresher::Uas), true));
        assert_eq!(
            (session.refresh_ms(), session.expiry_ms()),
            (None, Some(568_000))
        );
        assert_eq!(
            said(&session.ask(1_800)),
            [("Session-Expires", "600;refresher=uas")]
        );
        session.answered(&peer(Some(5), Some(Refresher::Uac), true));
        assert_eq!(session.refresh_ms(), Some(45_000));
    }
}
