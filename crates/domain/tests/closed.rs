//! What is remembered of closed numbers changes no choice and no refusal: two worlds live the same
//! history, one asks with the memory and one without, and every answer must be the same.

use axbridge_domain::{
    binding::{Shape, SubId},
    city_order::Tier,
    closed::Closed,
    draft::Draft,
    inventory::{Inventory, NumberSlot},
    party::PartyKey,
    phone::PhoneNumber,
    pool::{Policy, PoolNo, PoolRules},
    route_table::{Record, RouteTable},
    selection::{self, Wanted},
    time::Timestamp,
};
use proptest::{collection::vec, prelude::*};

const NUMBERS: usize = 12;
const PARTIES: u8 = 5;
const REMEMBER_MS: i64 = 200;

fn number(index: usize) -> PhoneNumber {
    PhoneNumber::parse(&format!("138000000{index:02}")).expect("a mobile number")
}

fn party(index: u8) -> PartyKey {
    let mut digest = [7; 16];
    digest[15] = index;
    PartyKey::from_digest(digest)
}

fn pool() -> PoolNo {
    PoolNo::new(1).expect("18 digits")
}

/// What happens in one batch.
#[derive(Clone, Debug)]
enum Step {
    /// Choose, and claim what was chosen.
    Bind { request: Request, life_ms: i64 },
    /// End the binding that was made so long ago, if it is still live.
    Unbind { back: usize },
    /// Move its end.
    Extend { back: usize, by_ms: i64 },
    /// Commit, or fail to commit, what the batch did so far, and let time pass.
    Commit { fails: bool, wait_ms: i64 },
    /// Enable or disable a number.
    Enable { x: usize, enabled: bool },
}

#[derive(Clone, Debug)]
struct Request {
    shape: Shape,
    exclusive: bool,
    policy: Policy,
    never: Option<usize>,
    seed: u64,
}

fn requests() -> impl Strategy<Value = Request> {
    let shape = (0..PARTIES, 1..PARTIES, prop::bool::weighted(0.6));
    let shape = shape.prop_map(|(a, apart, is_ax)| {
        let (a, b) = (party(a), party((a + apart) % PARTIES));
        if is_ax {
            Shape::Ax { a }
        } else {
            Shape::Axb { a, b }
        }
    });
    let policy = prop::sample::select(Policy::ALL.to_vec());
    let never = prop::option::weighted(0.2, 0..NUMBERS);
    let exclusive = prop::bool::weighted(0.1);
    (shape, exclusive, policy, never, any::<u64>()).prop_map(
        |(shape, exclusive, policy, never, seed)| Request {
            shape,
            exclusive,
            policy,
            never,
            seed,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lives = prop_oneof![2 => 1..60i64, 3 => 2_000..3_000i64];
    let step = prop_oneof![
        14 => (requests(), lives).prop_map(|(request, life_ms)| Step::Bind { request, life_ms }),
        2 => (0..20usize).prop_map(|back| Step::Unbind { back }),
        1 => (0..20usize, -100..100i64).prop_map(|(back, by_ms)| Step::Extend { back, by_ms }),
        5 => (prop::bool::weighted(0.15), 0..30i64)
            .prop_map(|(fails, wait_ms)| Step::Commit { fails, wait_ms }),
        1 => (0..NUMBERS, any::<bool>()).prop_map(|(x, enabled)| Step::Enable { x, enabled }),
    ];
    vec(step, 1..160)
}

fn wanted(request: &Request, cap: u32) -> Wanted {
    Wanted {
        pool: pool(),
        tiers: vec![Tier::WholePool],
        shape: request.shape.clone(),
        exclusive: request.exclusive,
        rules: PoolRules {
            policy: request.policy,
            quarantine_ms: 50,
            quarantine_min_ms: 10,
            bindings_per_number_max: cap,
            ..PoolRules::default()
        },
        never: [request.never.map(number), None],
    }
}

struct World {
    table: RouteTable,
    inventory: Inventory,
    closed: Closed,
    cap: u32,
    now: Timestamp,
    made: Vec<Record>,
    refusals: usize,
}

impl World {
    fn new(cap: u32) -> Self {
        let mut inventory = Inventory::default();
        for index in 0..NUMBERS {
            inventory.add(NumberSlot {
                x: number(index),
                pool: pool(),
                city: None,
                enabled: true,
            });
        }
        Self {
            table: RouteTable::new(REMEMBER_MS),
            inventory,
            closed: Closed::of_lists_from(0),
            cap,
            now: Timestamp::from_unix_ms(1_800_000_000_000),
            made: Vec::new(),
            refusals: 0,
        }
    }

    /// Plays one batch, as the embedded store does.
    fn batch(&mut self, steps: &[Step]) {
        let expired = self.table.advance(self.now);
        self.closed.reopen(expired.iter().map(|end| end.x));
        let mut draft = Draft::new(&self.table, self.now);
        let before = self.made.len();
        for step in steps {
            match step {
                Step::Bind { request, life_ms } => {
                    let wanted = wanted(request, self.cap);
                    let (inventory, seed) = (&self.inventory, request.seed);
                    let plain = selection::choose(inventory, &draft, &wanted, seed);
                    let closed = &mut self.closed;
                    let with =
                        selection::choose_among_open(inventory, &draft, &wanted, seed, closed);
                    assert_eq!(with, plain);
                    let Ok(x) = plain else {
                        self.refusals += 1;
                        continue;
                    };
                    let nonce = u32::try_from(self.made.len()).expect("few steps");
                    let record = Record {
                        sub_id: SubId::new(self.now, x, nonce),
                        x,
                        shape: request.shape.clone(),
                        exclusive: request.exclusive,
                        live_until: self.now.plus_ms(*life_ms),
                    };
                    selection::claim(&mut draft, record.clone(), &wanted.rules)
                        .expect("what was chosen can be claimed");
                    self.made.push(record);
                }
                Step::Unbind { back } => {
                    if let Some(record) = self.made.iter().rev().nth(*back) {
                        draft.release(record.sub_id, record.x, &record.shape);
                    }
                }
                Step::Extend { back, by_ms } => {
                    if let Some(record) = self.made.iter().rev().nth(*back) {
                        let until = record.live_until.plus_ms(*by_ms);
                        draft.set_live_until(record.sub_id, record.x, &record.shape, until);
                    }
                }
                Step::Commit { .. } | Step::Enable { .. } => {}
            }
        }
        self.closed.reopen(draft.touched().iter().copied());
        match steps.last() {
            Some(Step::Commit { fails: true, .. }) => self.made.truncate(before),
            _ => {
                let delta = draft.into_delta();
                self.table.apply(delta);
            }
        }
    }

    fn live(&mut self, history: &[Step]) {
        let ends = |step: &Step| matches!(step, Step::Commit { .. } | Step::Enable { .. });
        for steps in history.split_inclusive(ends) {
            self.batch(steps);
            match steps.last() {
                Some(Step::Commit { wait_ms, .. }) => self.now = self.now.plus_ms(*wait_ms),
                Some(Step::Enable { x, enabled }) => {
                    self.inventory.set_enabled(number(*x), *enabled);
                    self.closed.clear();
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn memory_of_closed_numbers_changes_no_answer(cap in 1..4u32, history in steps()) {
        World::new(cap).live(&history);
    }
}

#[test]
fn an_exhausted_list_is_looked_at_once_and_what_is_freed_is_found() {
    let mut world = World::new(1);
    let bind = |a: u8, seed: u64| Step::Bind {
        request: Request {
            shape: Shape::Ax { a: party(a) },
            exclusive: false,
            policy: Policy::Protect,
            never: None,
            seed,
        },
        life_ms: 1_000,
    };
    let fill: Vec<Step> = (0..NUMBERS as u64 + 1).map(|seed| bind(0, seed)).collect();
    world.batch(&fill);
    assert_eq!(world.refusals, 1);
    // All of them were claimed in the batch that looked, so nothing may be taken for known.
    assert_eq!(world.closed.open_numbers(), None);
    world.batch(&[bind(1, 1)]);
    assert_eq!(world.refusals, 2);
    assert_eq!(world.closed.open_numbers(), Some(0));
    // The last one made is ended, and its own party may have the number back at once.
    world.batch(&[Step::Unbind { back: 0 }]);
    assert_eq!(world.closed.open_numbers(), Some(1));
    world.batch(&[bind(0, 7)]);
    assert_eq!(world.refusals, 2);
}
