//! Which X a binding gets: draw, look, pick, and claim by the store.
//!
//! A few candidates are drawn by policy, looked at, and the best is picked; the cost does not grow
//! with how many partners A or B has. Only when every draw fails is the whole list looked at, so a
//! bind is refused only if no number is eligible.

use crate::{
    binding::Shape,
    city_order::Tier,
    closed::{Closed, Kind},
    draft::{ClaimRefusal, ClaimRules, Draft},
    draws::Draws,
    inventory::Inventory,
    party::PartyKey,
    phone::PhoneNumber,
    pool::{Policy, PoolNo, PoolRules},
    refusal::{Obstacle, Refusal, Tally},
    route::{Route, Selector},
    route_table::{Load, Record, RouteStanding},
    time::Timestamp,
};

/// How many candidates are drawn before the whole list is looked at.
pub const DRAWS: usize = 8;

/// What is to be bound, and how its number is to be chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The pool.
    pub pool: PoolNo,
    /// Where to look, in order.
    pub tiers: Vec<Tier>,
    /// Mode and parties.
    pub shape: Shape,
    /// Whether X may not carry the other kind.
    pub exclusive: bool,
    /// The pool's rules; `RandomFlag=1` has replaced the policy already.
    pub rules: PoolRules,
    /// A and B themselves, which are never chosen as X even if the pool holds them.
    pub never: [Option<PhoneNumber>; 2],
}

impl Wanted {
    /// The quarantines to try, the full one first.
    #[must_use]
    pub fn quarantines_ms(&self) -> [i64; 2] {
        [
            self.rules.quarantine_ms,
            self.rules.quarantine_min_ms.min(self.rules.quarantine_ms),
        ]
    }
}

/// An eligible number, with what the policies weigh.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The number.
    pub x: PhoneNumber,
    /// Its live bindings.
    pub live: u32,
    /// When a route of the request last ended on it, if one is remembered.
    pub last_used: Option<Timestamp>,
}

/// Judges one number for one request from how it stands.
///
/// # Errors
/// What stands in the way.
pub fn judge(
    wanted: &Wanted,
    x: PhoneNumber,
    enabled: bool,
    load: Load,
    mut stand: impl FnMut(&Route) -> RouteStanding,
    now: Timestamp,
    quarantine_ms: i64,
) -> Result<Candidate, Obstacle> {
    if !enabled || wanted.never.contains(&Some(x)) {
        return Err(Obstacle::Disabled);
    }
    if load.live() >= wanted.rules.bindings_per_number_max {
        return Err(Obstacle::AtCap);
    }
    if !load.admits(wanted.shape.mode(), wanted.exclusive) {
        return Err(Obstacle::KindConflict);
    }
    let mut last_used = None;
    let mut quarantined = false;
    for route in wanted.shape.routes(x) {
        let standing = stand(&route);
        match standing {
            RouteStanding::Live { .. } => return Err(held_by(&wanted.shape, route.selector)),
            RouteStanding::Ended { at, .. } => last_used = last_used.max(Some(at)),
            RouteStanding::Free => {}
        }
        quarantined |= !standing.may_be_claimed(route.callee, now, quarantine_ms);
    }
    if quarantined {
        return Err(Obstacle::Quarantined);
    }
    Ok(Candidate {
        x,
        live: load.live(),
        last_used,
    })
}

fn held_by(shape: &Shape, selector: Selector) -> Obstacle {
    match selector {
        Selector::Caller(party) if party == shape.a() => Obstacle::HeldByA,
        Selector::Caller(_) => Obstacle::HeldByB,
        Selector::Any | Selector::Extension(_) => Obstacle::HeldByAx,
    }
}

/// The best of the eligible by policy; of equals the first.
#[must_use]
pub fn pick(policy: Policy, eligible: impl IntoIterator<Item = Candidate>) -> Option<Candidate> {
    let mut eligible = eligible.into_iter();
    match policy {
        Policy::Protect => eligible
            .try_fold(None, first_unused_or_oldest)
            .unwrap_or_else(Some),
        Policy::Spread => eligible.min_by_key(|candidate| candidate.live),
        Policy::Pack | Policy::Random => eligible.next(),
    }
}

/// Places in a list of `length` to look at first: from the front for `pack`, else at random. A
/// policy that compares looks at the whole of a short list, each place once.
pub fn draw(
    policy: Policy,
    length: usize,
    draws: &mut Draws,
) -> impl Iterator<Item = usize> + use<'_> {
    let compares = matches!(policy, Policy::Protect | Policy::Spread);
    let whole = compares && length <= DRAWS;
    let start = if whole { draws.below(length) } else { 0 };
    (0..DRAWS.min(length)).map(move |index| {
        if policy == Policy::Pack {
            index
        } else if whole {
            (start + index) % length
        } else {
            draws.below(length)
        }
    })
}

/// Chooses a number on the in-memory table, the batch in the making included.
///
/// # Errors
/// [`Refusal`] when no number of any place is eligible, even under the shortest quarantine.
pub fn choose(
    inventory: &Inventory,
    draft: &Draft<'_>,
    wanted: &Wanted,
    seed: u64,
) -> Result<PhoneNumber, Refusal> {
    choose_among_open(
        inventory,
        draft,
        wanted,
        seed,
        &mut Closed::of_lists_from(usize::MAX),
    )
}

/// The same, with what is known of closed numbers: whoever keeps it from one choice to the next
/// must tell it what happens to numbers ([`Closed::reopen`], [`Closed::clear`]).
///
/// # Errors
/// As [`choose`].
pub fn choose_among_open(
    inventory: &Inventory,
    draft: &Draft<'_>,
    wanted: &Wanted,
    seed: u64,
    closed: &mut Closed,
) -> Result<PhoneNumber, Refusal> {
    let mut draws = Draws::from_seed(seed);
    let [full, shortest] = wanted.quarantines_ms();
    let view = |quarantine_ms| View {
        inventory,
        draft,
        wanted,
        quarantine_ms,
    };
    // One look at a whole list tells who is eligible under either quarantine, and why the others
    // are not: whoever is refused costs no second look.
    let mut places = Vec::with_capacity(wanted.tiers.len());
    for tier in &wanted.tiers {
        match view(full).choose_in(*tier, &mut draws, closed) {
            Ok(x) => return Ok(x),
            Err(tally) => places.push((*tier, tally)),
        }
    }
    for (tier, _) in places.iter().filter(|(_, tally)| tally.eligible > 0) {
        if let Ok(x) = view(shortest).choose_in(*tier, &mut draws, closed) {
            return Ok(x);
        }
    }
    Err(Refusal { places })
}

/// How the numbers of every place stand for the request, under the shortest quarantine.
#[must_use]
pub fn tally(inventory: &Inventory, draft: &Draft<'_>, wanted: &Wanted) -> Refusal {
    let [_, quarantine_ms] = wanted.quarantines_ms();
    let view = View {
        inventory,
        draft,
        wanted,
        quarantine_ms,
    };
    let places = wanted.tiers.iter().map(|tier| {
        let mut tally = Tally::default();
        for x in inventory.list(wanted.pool, tier.city()) {
            tally.count(view.judge(*x, quarantine_ms).map(|_| ()));
        }
        (*tier, tally)
    });
    Refusal {
        places: places.collect(),
    }
}

struct View<'a> {
    inventory: &'a Inventory,
    draft: &'a Draft<'a>,
    wanted: &'a Wanted,
    quarantine_ms: i64,
}

impl View<'_> {
    fn judge(&self, x: PhoneNumber, quarantine_ms: i64) -> Result<Candidate, Obstacle> {
        let enabled = self.inventory.get(x).is_some_and(|slot| slot.enabled);
        let stand = |route: &Route| self.draft.stand(route.x, route.selector);
        judge(
            self.wanted,
            x,
            enabled,
            self.draft.load(x),
            stand,
            self.draft.now(),
            quarantine_ms,
        )
    }

    fn is_eligible(&self, x: PhoneNumber) -> bool {
        self.judge(x, self.quarantine_ms).is_ok()
    }

    /// Judges a number, and how it stands under the shortest quarantine.
    fn judge_both(&self, x: PhoneNumber) -> (Option<Candidate>, Result<(), Obstacle>) {
        let [_, shortest] = self.wanted.quarantines_ms();
        let verdict = self.judge(x, self.quarantine_ms);
        let counted = match verdict {
            Err(Obstacle::Quarantined) if shortest < self.quarantine_ms => self.judge(x, shortest),
            _ => verdict,
        };
        (verdict.ok(), counted.map(|_| ()))
    }

    /// A number of a place.
    ///
    /// # Errors
    /// If there is none: how the numbers of the place stand under the shortest quarantine.
    fn choose_in(
        &self,
        tier: Tier,
        draws: &mut Draws,
        closed: &mut Closed,
    ) -> Result<PhoneNumber, Tally> {
        let list = self.inventory.list(self.wanted.pool, tier.city());
        let policy = self.wanted.rules.policy;
        if policy != Policy::Random
            && let Some(x) = self.last_of_pair(tier).filter(|x| self.is_eligible(*x))
        {
            return Ok(x);
        }
        let drawn = draw(policy, list.len(), draws).filter_map(|index| list.get(index));
        let eligible = drawn.filter_map(|x| self.judge(*x, self.quarantine_ms).ok());
        if let Some(best) = pick(policy, eligible) {
            return Ok(best.x);
        }
        self.choose_of_all(tier, list, draws, closed)
    }

    /// Looks at every number of a place that may be open.
    fn choose_of_all(
        &self,
        tier: Tier,
        list: &[PhoneNumber],
        draws: &mut Draws,
        closed: &mut Closed,
    ) -> Result<PhoneNumber, Tally> {
        closed.reopen(self.draft.touched().iter().copied());
        // Closed to everybody else for another reason, perhaps.
        closed.reopen(self.wanted.never.into_iter().flatten());
        let kind = Kind::of(self.wanted, tier);
        let known = closed.open(kind);
        let is_known = known.is_some();
        let (open, mut tally) = known.unwrap_or_default();
        let mut shut = Vec::new();
        let every = if is_known { open.as_slice() } else { list };
        let eligible = every.iter().filter_map(|x| {
            let (candidate, counted) = self.judge_both(*x);
            tally.count(counted);
            if let Err(obstacle) = counted
                && Kind::is_closed(self.wanted, *x, obstacle)
            {
                shut.push((*x, obstacle));
            }
            candidate
        });
        let best = match self.wanted.rules.policy {
            Policy::Random => {
                let all: Vec<Candidate> = eligible.collect();
                all.get(draws.below(all.len())).copied()
            }
            policy => pick(policy, eligible),
        };
        // A list is worth remembering once there was nothing in it.
        if is_known || best.is_none() {
            closed.note(kind, list, shut);
        }
        best.map(|candidate| candidate.x).ok_or(tally)
    }

    fn last_of_pair(&self, tier: Tier) -> Option<PhoneNumber> {
        let (a, b): (PartyKey, Option<PartyKey>) = (self.wanted.shape.a(), self.wanted.shape.b());
        let x = self.draft.last_x_of_pair(a, b)?;
        let slot = self.inventory.get(x)?;
        let here =
            slot.pool == self.wanted.pool && tier.city().is_none_or(|city| slot.city == Some(city));
        here.then_some(x)
    }
}

/// Stops at the first number that neither party has used; otherwise keeps the one used longest ago.
fn first_unused_or_oldest(
    best: Option<Candidate>,
    next: Candidate,
) -> Result<Option<Candidate>, Candidate> {
    match (best, next.last_used) {
        (_, None) => Err(next),
        (Some(best), Some(used)) if best.last_used <= Some(used) => Ok(Some(best)),
        _ => Ok(Some(next)),
    }
}

/// Claims a chosen or named number in the batch.
///
/// # Errors
/// What stands in the way; nothing changed then.
pub fn claim(draft: &mut Draft<'_>, record: Record, rules: &PoolRules) -> Result<(), ClaimRefusal> {
    // A chosen number was judged by one of the two quarantines already; a named one may be taken
    // back as early as the shortest allows, because the client asked for exactly this number.
    let rules = ClaimRules {
        quarantine_ms: rules.quarantine_min_ms.min(rules.quarantine_ms),
        bindings_per_number_max: rules.bindings_per_number_max,
    };
    draft.claim(record, rules, None)
}
