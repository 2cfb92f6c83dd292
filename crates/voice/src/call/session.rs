//! The session timer of one leg (RFC 4028): who refreshes, when, and when it is over.

use crate::stack::{Abilities, Extra, Refresher};

/// The shortest session that RFC 4028 §5 lets anybody ask for, in seconds.
pub(super) const SESSION_S_MIN: u32 = 90;
/// The longest that we keep to, in seconds; a longer one is no check at all.
const SESSION_S_MAX: u32 = 7_200;

/// What was agreed about a leg's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Session {
    /// The shortest that we agree to, in seconds.
    min_s: u32,
    agreed: Option<Agreed>,
    /// The shortest that the peer agrees to, if it refused one of ours for it, in seconds.
    peer_min_s: Option<u32>,
    /// Whether the peer takes UPDATE, so that a refresh needs no offer.
    pub(super) by_update: bool,
    /// A refresh of ours that has not come through.
    pub(super) due: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Agreed {
    interval_s: u32,
    we_refresh: bool,
}

impl Session {
    pub(super) const fn new(min_s: u32) -> Self {
        Self {
            min_s,
            agreed: None,
            peer_min_s: None,
            by_update: false,
            due: false,
        }
    }

    /// What a request is refused with whose session is too short (§9); a peer that does not know
    /// timers cannot be told so.
    pub(super) fn refusal(&self, peer: &Abilities) -> Option<Vec<Extra>> {
        let too_short = peer.expires_s.is_some_and(|asked| asked < self.min_s);
        (too_short && peer.timer).then(|| vec![Extra::new("Min-SE", self.min_s.to_string())])
    }

    /// The peer found ours too short (§7.3); false if it said so before, or gives no reason.
    pub(super) fn lengthen(&mut self, min_s: Option<u32>) -> bool {
        let longer = min_s.filter(|min_s| self.peer_min_s < Some(*min_s));
        if longer.is_some() {
            self.peer_min_s = longer;
        }
        longer.is_some()
    }

    fn fit(&self, interval_s: u32) -> u32 {
        interval_s.clamp(self.min_s, SESSION_S_MAX.max(self.min_s))
    }

    /// Answers a request: takes what the peer asks for, and says what our answer carries (§9).
    pub(super) fn answer(&mut self, peer: &Abilities) -> Vec<Extra> {
        self.by_update |= peer.update;
        self.due = false;
        let Some(asked_s) = peer.expires_s else {
            self.agreed = None;
            return Vec::new();
        };
        // Not below what a proxy on the way wants (§9).
        let interval_s = self.fit(asked_s).max(peer.min_se_s.unwrap_or(0));
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
        let at_least = |interval_s: u32| interval_s.max(self.peer_min_s.unwrap_or(0));
        let value = match self.agreed {
            Some(agreed) => {
                let who = if agreed.we_refresh { "uac" } else { "uas" };
                format!("{};refresher={who}", at_least(agreed.interval_s))
            }
            None => at_least(session_s).to_string(),
        };
        let mut extras = vec![Extra::new("Session-Expires", value)];
        // Once refused, the header is required in every request (§7.3).
        extras.extend(
            self.peer_min_s
                .map(|min_s| Extra::new("Min-SE", min_s.to_string())),
        );
        extras
    }

    /// Takes the peer's answer to a request of ours (§7.2): without the header there is no timer.
    pub(super) fn answered(&mut self, peer: &Abilities) {
        self.by_update |= peer.update;
        self.due = false;
        self.agreed = peer.expires_s.map(|interval_s| Agreed {
            interval_s: self.fit(interval_s),
            we_refresh: peer.refresher != Some(Refresher::Uas),
        });
    }

    /// When we must refresh, in milliseconds from now (§7.2: half way).
    pub(super) fn refresh_ms(&self) -> Option<u64> {
        let agreed = self.agreed.filter(|agreed| agreed.we_refresh)?;
        Some(u64::from(agreed.interval_s) * 1000 / 2)
    }

    /// When we try again after a refresh that failed, in milliseconds from now: soon enough for
    /// several tries in the half of the interval that is left (§10).
    pub(super) fn retry_ms(&self) -> Option<u64> {
        self.refresh_ms().filter(|_| self.due).map(|ms| ms / 4)
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
        let mut session = Session::new(SESSION_S_MIN);
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
        let mut session = Session::new(SESSION_S_MIN);
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
        let mut session = Session::new(SESSION_S_MIN);
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

    #[test]
    fn a_session_too_short_for_one_side_is_made_longer() {
        let mut session = Session::new(SESSION_S_MIN);
        let refusal = session.refusal(&peer(Some(89), None, true));
        assert_eq!(said(&refusal.expect("too short")), [("Min-SE", "90")]);
        assert_eq!(session.refusal(&peer(Some(90), None, true)), None);
        assert_eq!(session.refusal(&peer(None, None, true)), None);
        // It could not read the refusal.
        assert_eq!(session.refusal(&peer(Some(30), None, false)), None);

        assert!(!session.lengthen(None));
        assert!(session.lengthen(Some(3_600)));
        assert!(!session.lengthen(Some(3_600)), "once is enough");
        assert_eq!(
            said(&session.ask(1_800)),
            [("Session-Expires", "3600"), ("Min-SE", "3600")]
        );
    }
}
