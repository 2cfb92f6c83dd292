//! How many numbers a pool needs, and whom a late redial reaches: the heart under made-up traffic
//! in virtual time. Prints one JSON object a line.
//!
//! Selection is edge colouring: parties are vertices, bindings edges, numbers colours. No pool can
//! do with fewer numbers than the busiest party has partners at one moment, those in quarantine
//! counted; that is the bound that everything here is measured against.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap, HashSet},
};

use axbridge_benches::world::{START, inventory, party, pool};
use axbridge_domain::{
    binding::{Shape, SubId},
    city_order::Tier,
    draft::Draft,
    draws::Draws,
    inventory::Inventory,
    phone::PhoneNumber,
    pool::{Policy, PoolRules},
    route_table::{Record, Resolution, RouteTable},
    selection::{Wanted, choose, claim},
    time::Timestamp,
};

const SECOND_MS: i64 = 1_000;
const HOUR_MS: i64 = 3_600 * SECOND_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// One binding that somebody asks for.
#[derive(Clone, Copy)]
struct Wish {
    at: Timestamp,
    a: u64,
    b: u64,
    hold_ms: i64,
}

/// Traffic and the fewest numbers that could serve it.
struct Trace {
    wishes: Vec<Wish>,
    bound: usize,
    quarantine_ms: i64,
}

/// Who asks for whom.
struct Habits {
    a_count: u64,
    b_count: u64,
    /// How much busier one B is than the next: 0 makes all alike.
    skew: f64,
    /// The most partners of one party that are live at once.
    partners_max: usize,
    live: usize,
    quarantine_ms: i64,
}

/// Two loads: a marketplace of many light users and few heavy ones, and a dense crowd.
const MARKETPLACE: Habits = Habits {
    a_count: 50_000,
    b_count: 2_000,
    skew: 0.8,
    partners_max: 150,
    live: 40_000,
    quarantine_ms: 20_000 * SECOND_MS,
};
const DENSE: Habits = Habits {
    a_count: 400,
    b_count: 400,
    skew: 0.0,
    partners_max: 80,
    live: 20_000,
    quarantine_ms: 10_000 * SECOND_MS,
};
/// Wishes for each live binding: the start from nothing, then steady traffic.
const TURNOVERS: usize = 4;

fn main() {
    for (load, habits) in [("marketplace", &MARKETPLACE), ("dense", &DENSE)] {
        let trace = trace(habits);
        for policy in [Policy::Pack, Policy::Protect] {
            report_need(load, policy, &trace);
        }
    }
    for partners in [Partners::OfTheCrowd, Partners::AlwaysNew] {
        for (numbers, quarantine_ms) in [(200, 0), (200, DAY_MS), (320, DAY_MS)] {
            report_redials(partners, numbers, quarantine_ms);
        }
    }
}

fn report_need(load: &str, policy: Policy, trace: &Trace) {
    let times = |ratio: f64| (trace.bound as f64 * ratio).ceil() as usize;
    let share = |ratio| refused(trace, policy, times(ratio)) as f64 / trace.wishes.len() as f64;
    let shares = [1.0, 1.1, 1.2].map(share);
    // Refusals are looked for between the bound and twice that, to about half a per cent.
    let (mut too_few, mut enough) = (trace.bound.saturating_sub(1), trace.bound * 2);
    let step = (trace.bound / 200).max(1);
    while enough - too_few > step {
        let middle = usize::midpoint(too_few, enough);
        if refused(trace, policy, middle) == 0 {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    println!(
        "{{\"subject\":\"need\",\"load\":\"{load}\",\"policy\":\"{}\",\"bound\":{},\"needed\":{enough},\"ratio\":{:.3},\"refused_at\":[{:.5},{:.5},{:.5}]}}",
        policy.name(),
        trace.bound,
        enough as f64 / trace.bound as f64,
        shares[0],
        shares[1],
        shares[2]
    );
}

/// One wish a second; each is held so long that `live` are held at once.
fn trace(habits: &Habits) -> Trace {
    let mut draws = Draws::from_seed(42);
    let b_places = cumulative(habits);
    let mut crowd = Crowd::default();
    let mut wishes = Vec::new();
    let count = habits.live * TURNOVERS;
    for step in 0..count {
        let at = START.plus_ms(step as i64 * SECOND_MS);
        crowd.advance(at);
        let held = draws.below(habits.live) + habits.live / 2;
        let hold_ms = held as i64 * SECOND_MS;
        for _ in 0..100 {
            let a = draws.below(habits.a_count as usize) as u64;
            let drawn = draws.below(1 << 53) as f64 / (1u64 << 53) as f64;
            let b = b_places.partition_point(|place| *place <= drawn) as u64;
            let b = habits.a_count + b.min(habits.b_count - 1);
            if crowd.admits(a, b, habits.partners_max) {
                let wish = Wish { at, a, b, hold_ms };
                crowd.join(wish, habits.quarantine_ms);
                wishes.push(wish);
                break;
            }
        }
    }
    Trace {
        wishes,
        bound: crowd.most,
        quarantine_ms: habits.quarantine_ms,
    }
}

/// Where each B's share of the whole ends.
fn cumulative(habits: &Habits) -> Vec<f64> {
    let weights = (1..=habits.b_count).map(|rank| (rank as f64).powf(-habits.skew));
    let total: f64 = weights.clone().sum();
    let mut sum = 0.0;
    let places = weights.map(|weight| {
        sum += weight / total;
        sum
    });
    places.collect()
}

/// Who has how many partners, those in quarantine counted.
#[derive(Default)]
struct Crowd {
    live: HashMap<u64, usize>,
    closed: HashMap<u64, usize>,
    pairs: HashSet<(u64, u64)>,
    ends: BinaryHeap<Reverse<(Timestamp, bool, u64, u64)>>,
    most: usize,
}

impl Crowd {
    fn advance(&mut self, now: Timestamp) {
        while let Some(Reverse((at, leaves, a, b))) = self.ends.peek().copied() {
            if at > now {
                break;
            }
            self.ends.pop();
            let counts = if leaves {
                self.pairs.remove(&(a, b));
                &mut self.closed
            } else {
                &mut self.live
            };
            for party in [a, b] {
                if let Some(count) = counts.get_mut(&party) {
                    *count -= 1;
                }
            }
        }
    }

    /// The same pair is not bound again before its quarantine is over: it could have its old
    /// number back, and the bound would count it twice.
    fn admits(&self, a: u64, b: u64, partners_max: usize) -> bool {
        let has_room = |party| {
            self.live
                .get(&party)
                .is_none_or(|count| *count < partners_max)
        };
        has_room(a) && has_room(b) && !self.pairs.contains(&(a, b))
    }

    fn join(&mut self, wish: Wish, quarantine_ms: i64) {
        let Wish { at, a, b, hold_ms } = wish;
        self.pairs.insert((a, b));
        let end = at.plus_ms(hold_ms);
        self.ends.push(Reverse((end, false, a, b)));
        let leaves = end.plus_ms(quarantine_ms);
        self.ends.push(Reverse((leaves, true, a, b)));
        for party in [a, b] {
            *self.live.entry(party).or_default() += 1;
            let closed = self.closed.entry(party).or_default();
            *closed += 1;
            self.most = self.most.max(*closed);
        }
    }
}

/// The heart of one pool.
struct Heart {
    inventory: Inventory,
    table: RouteTable,
    rules: PoolRules,
    serial: u32,
}

impl Heart {
    fn new(numbers: usize, rules: PoolRules, remember_ms: i64) -> Self {
        Self {
            inventory: inventory(numbers),
            table: RouteTable::new(remember_ms),
            rules,
            serial: 0,
        }
    }

    fn bind(&mut self, wish: Wish) -> Option<PhoneNumber> {
        let wanted = Wanted {
            pool: pool(),
            tiers: vec![Tier::WholePool],
            shape: Shape::Axb {
                a: party(wish.a),
                b: party(wish.b),
            },
            exclusive: false,
            rules: self.rules,
            never: [None, None],
        };
        self.table.advance(wish.at);
        self.serial += 1;
        let mut draft = Draft::new(&self.table, wish.at);
        let x = choose(&self.inventory, &draft, &wanted, u64::from(self.serial)).ok()?;
        let record = Record {
            sub_id: SubId::new(wish.at, x, self.serial),
            x,
            shape: wanted.shape,
            exclusive: false,
            live_until: wish.at.plus_ms(wish.hold_ms),
        };
        claim(&mut draft, record, &self.rules).ok()?;
        let delta = draft.into_delta();
        self.table.apply(delta);
        Some(x)
    }
}

fn refused(trace: &Trace, policy: Policy, numbers: usize) -> usize {
    let rules = PoolRules {
        policy,
        quarantine_ms: trace.quarantine_ms,
        quarantine_min_ms: trace.quarantine_ms,
        bindings_per_number_max: u32::MAX,
        ..PoolRules::default()
    };
    let mut heart = Heart::new(numbers, rules, 4 * trace.quarantine_ms);
    let refused = |wish: &&Wish| heart.bind(**wish).is_none();
    trace.wishes.iter().filter(refused).count()
}

/// A late redial by one of the parties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Redial {
    at: Timestamp,
    x: PhoneNumber,
    caller: u64,
    meant: u64,
}

const CROWD: u64 = 100;
const HELD_EACH: u64 = 8;
const DAYS: i64 = 20;
/// The first days fill the pool's memory of who used what.
const DAYS_UNCOUNTED: i64 = 8;

/// Whom the crowd is bound to.
#[derive(Clone, Copy)]
enum Partners {
    /// Each other, the same pairs again and again.
    OfTheCrowd,
    /// Somebody new each time.
    AlwaysNew,
}

impl Partners {
    const fn name(self) -> &'static str {
        match self {
            Self::OfTheCrowd => "each other",
            Self::AlwaysNew => "always new",
        }
    }

    /// How many bindings it takes for everybody to have theirs.
    const fn live(self) -> u64 {
        match self {
            Self::OfTheCrowd => CROWD * HELD_EACH / 2,
            Self::AlwaysNew => CROWD * HELD_EACH,
        }
    }

    /// The next pair; of the crowd's own the lower first, so that a pair has one name.
    fn draw(self, draws: &mut Draws, serial: i64) -> (u64, u64) {
        let a = draws.below(CROWD as usize) as u64;
        match self {
            Self::OfTheCrowd => {
                let b = draws.below(CROWD as usize - 1) as u64;
                let b = if b >= a { b + 1 } else { b };
                (a.min(b), a.max(b))
            }
            Self::AlwaysNew => (a, CROWD + serial as u64),
        }
    }
}

/// A hundred people with eight live bindings each, held for an hour; after each, one of the two
/// dials the number again at some moment within a day.
fn report_redials(partners: Partners, numbers: usize, quarantine_ms: i64) {
    let rules = PoolRules {
        policy: Policy::Protect,
        quarantine_ms,
        quarantine_min_ms: quarantine_ms.min(HOUR_MS),
        ..PoolRules::default()
    };
    let mut heart = Heart::new(numbers, rules, 7 * DAY_MS);
    let mut draws = Draws::from_seed(7);
    let gap_ms = HOUR_MS / partners.live() as i64;
    let mut redials: BTreeSet<Redial> = BTreeSet::new();
    let (mut counted, mut strangers, mut refused) = (0u64, 0u64, 0u64);
    let mut held: HashMap<(u64, u64), Timestamp> = HashMap::new();
    for step in 0..DAYS * DAY_MS / gap_ms {
        let at = START.plus_ms(step * gap_ms);
        while let Some(redial) = redials.first().copied().filter(|redial| redial.at <= at) {
            redials.pop_first();
            if redial.at > START.plus_ms(DAYS_UNCOUNTED * DAY_MS) {
                counted += 1;
                strangers += u64::from(reaches_stranger(&heart, redial, quarantine_ms));
            }
        }
        let (a, b) = partners.draw(&mut draws, step);
        if held.get(&(a, b)).is_some_and(|end| *end > at) {
            continue;
        }
        let hold_ms = HOUR_MS;
        let Some(x) = heart.bind(Wish { at, a, b, hold_ms }) else {
            refused += 1;
            continue;
        };
        held.insert((a, b), at.plus_ms(hold_ms));
        let late_ms = draws.below(DAY_MS as usize) as i64;
        let (caller, meant) = if draws.below(2) == 0 { (a, b) } else { (b, a) };
        redials.insert(Redial {
            at: at.plus_ms(hold_ms + late_ms),
            x,
            caller,
            meant,
        });
    }
    println!(
        "{{\"subject\":\"redial\",\"partners\":\"{}\",\"numbers\":{numbers},\"quarantine_h\":{},\"redials\":{counted},\"strangers\":{strangers},\"share\":{:.5},\"refused\":{refused}}}",
        partners.name(),
        quarantine_ms / HOUR_MS,
        strangers as f64 / counted.max(1) as f64
    );
}

fn reaches_stranger(heart: &Heart, redial: Redial, quarantine_ms: i64) -> bool {
    let caller = Some(party(redial.caller));
    let resolution = heart
        .table
        .resolve(redial.x, caller, None, redial.at, quarantine_ms);
    matches!(resolution, Resolution::Connect { callee, .. } if callee != party(redial.meant))
}

#[test]
fn no_pool_needs_fewer_numbers_than_the_bound() {
    let habits = Habits {
        a_count: 30,
        b_count: 30,
        skew: 0.5,
        partners_max: 10,
        live: 100,
        quarantine_ms: 50 * SECOND_MS,
    };
    let trace = trace(&habits);
    assert!(trace.bound >= 2);
    assert!(refused(&trace, Policy::Pack, trace.bound - 1) > 0);
    assert_eq!(refused(&trace, Policy::Pack, trace.bound * 2), 0);
}
