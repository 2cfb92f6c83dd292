//! A pool of numbers with live bindings on them, as the heart sees it.
//!
//! The load that every size shares: a pool of [`NUMBERS`], one B for every [`BINDINGS_PER_B`]
//! bindings, A's drawn from half as many as there are bindings. Time is virtual: one bind a
//! millisecond, each held for as many milliseconds as there are bindings, so that one ends for
//! every one that is made.

use axbridge_domain::{
    binding::{Shape, SubId},
    city_order::Tier,
    draft::{Delta, Draft},
    draws::Draws,
    inventory::{Inventory, NumberSlot},
    party::PartyKey,
    phone::PhoneNumber,
    pool::{PoolNo, PoolRules},
    route::Selector,
    route_table::{Record, RouteStanding, RouteTable},
    selection::{Wanted, choose, claim},
    time::Timestamp,
};

/// Numbers in the pool.
pub const NUMBERS: usize = 10_000;

/// Live bindings of one B, on average.
pub const BINDINGS_PER_B: u64 = 50;

/// When the virtual clock starts.
pub const START: Timestamp = Timestamp::from_unix_s(1_800_000_000);

/// Privacy number `index`, below a hundred million.
///
/// # Panics
/// When there is no such number, which no benchmark asks for.
#[must_use]
pub fn number(index: usize) -> PhoneNumber {
    PhoneNumber::from_bits(100_000_000_000 + 17_000_000_000 + index as u64)
        .expect("a mobile number")
}

/// The key of a party, as evenly spread as the real ones.
#[must_use]
pub fn party(index: u64) -> PartyKey {
    let mut stream = Draws::from_seed(index.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut digest = [0; 16];
    digest[..8].copy_from_slice(&stream.next_u64().to_le_bytes());
    digest[8..].copy_from_slice(&stream.next_u64().to_le_bytes());
    PartyKey::from_digest(digest)
}

/// The one pool.
#[must_use]
pub const fn pool() -> PoolNo {
    match PoolNo::new(1) {
        Some(pool) => pool,
        None => panic!("a pool number below its end"),
    }
}

/// An inventory of one pool with this many numbers, none with a city.
#[must_use]
pub fn inventory(numbers: usize) -> Inventory {
    let mut inventory = Inventory::default();
    for index in 0..numbers {
        inventory.add(NumberSlot {
            x: number(index),
            pool: pool(),
            city: None,
            enabled: true,
        });
    }
    inventory
}

/// Binding `index` of the preload: different routes for each, but for rare repeats that
/// [`World::new`] leaves out.
#[must_use]
pub fn preloaded(index: u64, bindings: u64, numbers: u64, live_until: Timestamp) -> Record {
    let b_count = (bindings / BINDINGS_PER_B).max(1);
    let b = index % b_count;
    let x = number((((b * 7919) + index / b_count) % numbers) as usize);
    let a = index.wrapping_mul(2_654_435_761) % (bindings / 2).max(1);
    Record {
        sub_id: SubId::new(START, x, index as u32),
        x,
        shape: Shape::Axb {
            a: party(a_index(a)),
            b: party(b),
        },
        exclusive: false,
        live_until,
    }
}

const fn a_index(a: u64) -> u64 {
    (1 << 40) + a
}

/// The heart with a steady load on it.
pub struct World {
    /// The numbers.
    pub inventory: Inventory,
    /// The routes.
    pub table: RouteTable,
    /// The virtual clock.
    pub now: Timestamp,
    /// How long each binding is held, in milliseconds.
    pub hold_ms: i64,
    bindings: u64,
    rules: PoolRules,
    draws: Draws,
    made: u32,
}

impl World {
    /// A world with this many live bindings under the pool's default policy. The quarantine is a
    /// tenth of the hold, and nothing is remembered longer.
    #[must_use]
    pub fn new(bindings: u64) -> Self {
        let hold_ms = bindings as i64;
        let rules = PoolRules {
            quarantine_ms: hold_ms / 10,
            quarantine_min_ms: hold_ms / 10,
            ..PoolRules::default()
        };
        let mut table = RouteTable::new(rules.quarantine_ms);
        table.advance(START);
        for index in 0..bindings {
            let live_until = START.plus_ms(1 + index as i64);
            let record = preloaded(index, bindings, NUMBERS as u64, live_until);
            if is_free(&table, &record) {
                table.insert(record);
            }
        }
        Self {
            inventory: inventory(NUMBERS),
            table,
            now: START,
            hold_ms,
            bindings,
            rules,
            draws: Draws::from_seed(bindings),
            made: 0,
        }
    }

    /// The next requests, made beforehand so that making them is not measured.
    pub fn requests(&mut self, count: usize) -> Vec<Wanted> {
        let b_count = (self.bindings / BINDINGS_PER_B).max(1) as usize;
        (0..count)
            .map(|_| {
                let a = self.draws.below((self.bindings / 2).max(1) as usize) as u64;
                let b = self.draws.below(b_count) as u64;
                Wanted {
                    pool: pool(),
                    tiers: vec![Tier::WholePool],
                    shape: Shape::Axb {
                        a: party(a_index(a)),
                        b: party(b),
                    },
                    exclusive: false,
                    rules: self.rules,
                    never: [None, None],
                }
            })
            .collect()
    }

    /// Chooses a number for each and claims it, as one batch that is not yet visible.
    ///
    /// # Panics
    /// When a number is refused, which this load never causes.
    #[must_use]
    pub fn choose_and_claim(&self, wanted: &[Wanted]) -> Delta {
        let mut draft = Draft::new(&self.table, self.now);
        for (index, wanted) in wanted.iter().enumerate() {
            let serial = self.made.wrapping_add(index as u32);
            let x = choose(&self.inventory, &draft, wanted, u64::from(serial))
                .expect("a pool with room");
            let record = Record {
                sub_id: SubId::new(self.now, x, serial),
                x,
                shape: wanted.shape.clone(),
                exclusive: false,
                live_until: self.now.plus_ms(self.hold_ms),
            };
            claim(&mut draft, record, &wanted.rules).expect("a number that was just chosen");
        }
        draft.into_delta()
    }

    /// Makes a batch visible.
    pub fn apply(&mut self, delta: Delta) {
        self.table.apply(delta);
    }

    /// Lets as much time pass as so many binds take; returns how many bindings expired.
    pub fn pass(&mut self, binds: usize) -> usize {
        self.made = self.made.wrapping_add(binds as u32);
        self.now = self.now.plus_ms(binds as i64);
        self.table.advance(self.now).len()
    }

    /// Calls that find a live binding of the preload: number and caller, at random.
    pub fn calls(&mut self, count: usize) -> Vec<(PhoneNumber, PartyKey)> {
        (0..count)
            .map(|_| {
                let index = self.draws.below(self.bindings as usize) as u64;
                let record = preloaded(index, self.bindings, NUMBERS as u64, START);
                let caller = if self.draws.below(2) == 0 {
                    Some(record.shape.a())
                } else {
                    record.shape.b()
                };
                (record.x, caller.unwrap_or(record.shape.a()))
            })
            .collect()
    }
}

/// Whether the record's routes are all free, so that inserting it ends nobody's.
#[must_use]
pub fn is_free(table: &RouteTable, record: &Record) -> bool {
    [Some(record.shape.a()), record.shape.b()]
        .into_iter()
        .flatten()
        .all(|party| {
            let standing = table.stand(record.x, Selector::Caller(party), START);
            standing == RouteStanding::Free
        })
}
