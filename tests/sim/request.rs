//! What clients ask and what they are answered, in words that the simulated store and the real
//! application share.

use axbridge_domain::{
    binding::{Mode, Shape, SubId},
    city_order::Tier,
    draft::ClaimRefusal,
    phone::PhoneNumber,
    refusal::Refusal,
    time::Timestamp,
};

use crate::cast;

/// One request, as its client means it. Two that are equal are one request sent twice.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Request {
    pub(crate) account: usize,
    pub(crate) key: Option<u32>,
    pub(crate) what: What,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum What {
    Bind(Bind),
    Unbind(SubId),
    Update(SubId, Change),
    Upgrade(SubId, usize),
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Bind {
    pub(crate) pool: usize,
    pub(crate) wish: Wish,
    pub(crate) parties: Parties,
    pub(crate) exclusive: bool,
    pub(crate) until: Timestamp,
    pub(crate) dry_run: bool,
}

/// Which X.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Wish {
    Select { tiers: Vec<Tier>, random: bool },
    Named(usize),
}

/// Mode and people of a binding.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Parties {
    pub(crate) mode: Mode,
    pub(crate) a: usize,
    pub(crate) b: Option<usize>,
}

impl Parties {
    pub(crate) fn shape(self, account: usize) -> Shape {
        let a = cast::party(account, self.a);
        let b = self.b.map(|b| cast::party(account, b));
        match (self.mode, b) {
            (Mode::Axb, Some(b)) => Shape::Axb { a, b },
            (Mode::Axn, b) => Shape::Axn { a, b },
            (Mode::Axne, b) => Shape::Axne {
                a,
                extension: cast::extension(),
                b,
            },
            (Mode::Axg, b) => Shape::Axg {
                a,
                group: (0..cast::PEOPLE)
                    .filter(|index| *index != self.a && Some(*index) != self.b)
                    .map(|index| cast::party(account, index))
                    .collect(),
                b,
            },
            _ => Shape::Ax { a },
        }
    }

    /// A and B themselves.
    pub(crate) fn people(self) -> [Option<PhoneNumber>; 2] {
        [Some(cast::person(self.a)), self.b.map(cast::person)]
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Change {
    A(usize),
    B(usize),
    X(usize),
    Until(Timestamp),
}

/// What an operator does; each has a batch of its own.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Operation {
    Import(usize),
    Delete(usize),
    Enable(usize, bool),
    Rules(usize, u64),
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Answer {
    Bound {
        sub_id: SubId,
        x: PhoneNumber,
    },
    Done,
    /// An operation that had nothing to do.
    Unchanged,
    WouldBind(PhoneNumber),
    Refused(Why),
    Unavailable,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Why {
    UnknownPool,
    NoneEligible(Refusal),
    NotInPool,
    Disabled,
    /// Held by a live binding, or excluded by `AxConflictAxbFlag`.
    Conflict,
    Quarantined,
    AtCap,
    NoSuchBinding,
    WrongMode,
    SameNumber,
    Mismatch,
    CarriesBindings,
    /// `ExpireTime` is too close.
    TooSoon,
}

impl From<ClaimRefusal> for Why {
    fn from(refusal: ClaimRefusal) -> Self {
        match refusal {
            ClaimRefusal::Held { .. } | ClaimRefusal::KindConflict => Why::Conflict,
            ClaimRefusal::Quarantined { .. } => Why::Quarantined,
            ClaimRefusal::AtCap => Why::AtCap,
        }
    }
}
