//! How a number and its routes stand at a moment, and where a call goes by it.
//!
//! Plain values and pure rules: both stores judge by them, whatever they keep the routes in.
//! [`crate::route_table`] offers them under its own name.

use crate::{
    binding::{Mode, SubId},
    party::PartyKey,
    time::Timestamp,
};

/// How many live bindings a number carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Bindings that answer any caller (AX and its kin).
    pub ax: u32,
    /// Bindings between named parties (AXB and its kin).
    pub axb: u32,
    /// Those of `ax` that exclude the other kind.
    pub ax_exclusive: u32,
    /// Those of `axb` that exclude the other kind.
    pub axb_exclusive: u32,
}

impl Load {
    /// All live bindings.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.ax + self.axb
    }

    /// What one binding adds.
    #[must_use]
    pub const fn of(mode: Mode, exclusive: bool) -> Self {
        let flag = exclusive as u32;
        match mode {
            Mode::Ax | Mode::Axn => Self {
                ax: 1,
                axb: 0,
                ax_exclusive: flag,
                axb_exclusive: 0,
            },
            Mode::Axb | Mode::Axne | Mode::Axyb | Mode::Axg => Self {
                ax: 0,
                axb: 1,
                ax_exclusive: 0,
                axb_exclusive: flag,
            },
        }
    }

    pub(crate) fn add(&mut self, other: Load) {
        self.ax += other.ax;
        self.axb += other.axb;
        self.ax_exclusive += other.ax_exclusive;
        self.axb_exclusive += other.axb_exclusive;
    }

    pub(crate) fn subtract(&mut self, other: Load) {
        self.ax = self.ax.saturating_sub(other.ax);
        self.axb = self.axb.saturating_sub(other.axb);
        self.ax_exclusive = self.ax_exclusive.saturating_sub(other.ax_exclusive);
        self.axb_exclusive = self.axb_exclusive.saturating_sub(other.axb_exclusive);
    }

    /// Whether a binding of `mode` may join under the rule of `AxConflictAxbFlag`: as long as
    /// either side asks for it, AX and AXB do not share an X.
    #[must_use]
    pub const fn admits(&self, mode: Mode, exclusive: bool) -> bool {
        let own = Load::of(mode, exclusive);
        let (others, others_exclusive) = if own.ax > 0 {
            (self.axb, self.axb_exclusive)
        } else {
            (self.ax, self.ax_exclusive)
        };
        if exclusive {
            others == 0
        } else {
            others_exclusive == 0
        }
    }
}

/// How one (X, selector) stands at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteStanding {
    /// Nobody holds it and nobody is remembered.
    Free,
    /// A live binding holds it.
    Live {
        /// Which binding.
        sub_id: SubId,
        /// Whom it rings.
        callee: PartyKey,
    },
    /// The last holder ended.
    Ended {
        /// Which binding.
        sub_id: SubId,
        /// Whom it rang.
        callee: PartyKey,
        /// When it ended.
        at: Timestamp,
    },
}

impl RouteStanding {
    /// Whether a binding that would ring `callee` may take the route: it is free, or its last
    /// holder ended and rang the same person, or ended `quarantine_ms` ago.
    #[must_use]
    pub fn may_be_claimed(&self, callee: PartyKey, now: Timestamp, quarantine_ms: i64) -> bool {
        match self {
            RouteStanding::Free => true,
            RouteStanding::Live { .. } => false,
            RouteStanding::Ended {
                callee: last, at, ..
            } => *last == callee || now >= at.plus_ms(quarantine_ms),
        }
    }
}

/// Where a call to X goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// It rings this party by this binding.
    Connect {
        /// The binding.
        sub_id: SubId,
        /// Whom to ring.
        callee: PartyKey,
    },
    /// X is told apart by extensions: ask for one, then resolve again with it.
    AskExtension,
    /// The binding that answered this caller has ended and its quarantine is not over.
    Ended {
        /// The binding that was.
        sub_id: SubId,
    },
    /// There is none.
    NoBinding,
}

/// Decides where a call goes from how its routes stand: `exact` is (X, caller), `extension` is
/// (X, the extension keyed) if one was keyed, `any` is (X, any).
///
/// A route that ended answers "ended" for the quarantine time rather than letting the call fall
/// through to somebody else; it does fall through when the same person would answer.
#[must_use]
pub fn resolve_standings(
    exact: RouteStanding,
    extension: Option<RouteStanding>,
    any: RouteStanding,
    has_extensions: bool,
    now: Timestamp,
    quarantine_ms: i64,
) -> Resolution {
    let mut ended = None;
    let steps = [Some(exact), extension, Some(any)];
    for (step, standing) in steps.into_iter().enumerate() {
        if step == 1 && extension.is_none() && has_extensions && ended.is_none() {
            return Resolution::AskExtension;
        }
        match standing {
            Some(RouteStanding::Live { sub_id, callee })
                if ended.is_none_or(|(_, last)| last == callee) =>
            {
                return Resolution::Connect { sub_id, callee };
            }
            Some(RouteStanding::Ended { sub_id, callee, at })
                if now < at.plus_ms(quarantine_ms) =>
            {
                ended = ended.or(Some((sub_id, callee)));
            }
            _ => {}
        }
    }
    ended.map_or(Resolution::NoBinding, |(sub_id, _)| Resolution::Ended {
        sub_id,
    })
}
