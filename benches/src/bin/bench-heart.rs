//! Processor time and memory of the in-memory heart at one size, in a process of its own so that
//! its memory is all that is counted. Prints one JSON object.
//!
//! `bench-heart LIVE_BINDINGS [BINDS]`: rebuilds a table of that many live bindings, then binds
//! BINDS times (default: as many as are live) while as many expire, in virtual time.
//!
//! `bench-heart refusals NUMBERS`: refuses binds in a pool of that many numbers, all at their cap.

use std::time::Duration;

use axbridge_benches::{
    cpu::Stopwatch,
    memory::resident_bytes,
    world::{NUMBERS, START, World, inventory, is_free, number, party, pool, preloaded},
};
use axbridge_domain::{
    binding::{Shape, SubId},
    city_order::Tier,
    closed::Closed,
    draft::Draft,
    pool::PoolRules,
    route_table::{Record, RouteTable},
    selection::{Wanted, choose_among_open},
};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 64;
const CALLS: usize = 1 << 20;
/// Records made before their inserts are timed, few enough to stay out of the account of memory.
const CHUNK: u64 = 1 << 14;

fn main() {
    let mut words = std::env::args().skip(1).peekable();
    let refuses = words.next_if(|word| word == "refusals").is_some();
    let mut arguments = words.map(|text| text.parse::<u64>());
    let Some(Ok(bindings)) = arguments.next() else {
        eprintln!("usage: bench-heart LIVE_BINDINGS [BINDS] | refusals NUMBERS");
        std::process::exit(2);
    };
    if refuses {
        println!("{}", refusals(bindings));
        return;
    }
    let binds = arguments.next().and_then(Result::ok).unwrap_or(bindings);

    let rebuilt = rebuild(bindings);
    let mut world = World::new(bindings);
    let resolve_ns = resolve(&mut world);
    let churned = churn(&mut world, binds);
    println!(
        "{{\"live\":{bindings},\"rebuild_ns\":{:.0},\"bytes_per_binding\":{:.1},{churned},\"resolve_ns\":{resolve_ns:.0}}}",
        rebuilt.nanoseconds, rebuilt.bytes
    );
}

struct Rebuilt {
    nanoseconds: f64,
    bytes: f64,
}

/// What a start from storage does, without the storage.
fn rebuild(bindings: u64) -> Rebuilt {
    let before = resident_bytes().unwrap_or_default();
    let mut table = RouteTable::new(0);
    table.advance(START);
    let mut took = Duration::ZERO;
    let mut index = 0;
    while index < bindings {
        let end = (index + CHUNK).min(bindings);
        let records: Vec<Record> = (index..end)
            .map(|index| {
                let live_until = START.plus_ms(1 + index as i64);
                preloaded(index, bindings, NUMBERS as u64, live_until)
            })
            .filter(|record| is_free(&table, record))
            .collect();
        let started = Stopwatch::start();
        for record in records {
            table.insert(record);
        }
        took += started.elapsed();
        index = end;
    }
    outgrown_is_given_back();
    let after = resident_bytes().unwrap_or_default();
    let live = table.live() as f64;
    Rebuilt {
        nanoseconds: took.as_nanos() as f64 / live,
        bytes: after.saturating_sub(before) as f64 / live,
    }
}

/// The allocator keeps what is freed for a second, and gives it back with a later request, of which a
/// server has many.
fn outgrown_is_given_back() {
    std::thread::sleep(Duration::from_millis(1_500));
    for _ in 0..64 {
        drop(std::hint::black_box(vec![0_u8; 1 << 20]));
    }
}

/// Binds and expiries at a steady number of live bindings; the memory must not grow.
fn churn(world: &mut World, binds: u64) -> String {
    let (mut claim, mut apply, mut expire) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut resident = Vec::new();
    let mut remembered = Vec::new();
    let rounds = binds.div_ceil(BATCH as u64);
    for round in 0..rounds {
        let wanted = world.requests(BATCH);
        let started = Stopwatch::start();
        let delta = world.choose_and_claim(&wanted);
        let claimed = started.elapsed();
        world.apply(delta);
        let applied = started.elapsed();
        world.pass(BATCH);
        let passed = started.elapsed();
        claim += claimed;
        apply += applied - claimed;
        expire += passed - applied;
        if round * 4 / rounds != (round + 1) * 4 / rounds {
            resident.push(resident_bytes().unwrap_or_default() / (1 << 20));
            remembered.push(world.table.remembered());
        }
    }
    let each = |total: Duration| total.as_nanos() as f64 / (rounds * BATCH as u64) as f64;
    format!(
        "\"choose_claim_ns\":{:.0},\"apply_ns\":{:.0},\"expire_ns\":{:.0},\"resident_mib\":{resident:?},\"remembered\":{remembered:?}",
        each(claim),
        each(apply),
        each(expire)
    )
}

fn resolve(world: &mut World) -> f64 {
    let calls = world.calls(CALLS);
    let quarantine_ms = world.hold_ms / 10;
    let started = Stopwatch::start();
    let mut connected = 0usize;
    for (x, caller) in &calls {
        let resolution = world
            .table
            .resolve(*x, Some(*caller), None, world.now, quarantine_ms);
        connected += usize::from(matches!(
            resolution,
            axbridge_domain::route_table::Resolution::Connect { .. }
        ));
    }
    let took = started.elapsed();
    assert!(
        connected * 100 > CALLS * 99,
        "calls must find their bindings"
    );
    took.as_nanos() as f64 / CALLS as f64
}

/// Refusals that are timed together: the kernel counts a thread's time in ticks of milliseconds.
const REFUSALS: u64 = 100_000;

/// What a bind costs that finds a pool of so many numbers exhausted: the first, which looks at all
/// of them; those that follow; and those that follow when a number was given back and taken again
/// before each.
fn refusals(numbers: u64) -> String {
    let rules = PoolRules {
        bindings_per_number_max: 1,
        ..PoolRules::default()
    };
    let inventory = inventory(numbers as usize);
    let mut table = RouteTable::new(rules.quarantine_ms);
    table.advance(START);
    let until = START.plus_ms(1_000_000_000);
    let held = |index: u64| {
        let x = number(index as usize);
        Record {
            sub_id: SubId::new(START, x, index as u32),
            x,
            shape: Shape::Axb {
                a: party(2 * index),
                b: party(2 * index + 1),
            },
            exclusive: false,
            live_until: until,
        }
    };
    for index in 0..numbers {
        table.insert(held(index));
    }
    let mut closed = Closed::default();
    let mut refuse = |first: u64, count: u64, touched: bool| {
        let wanted: Vec<Wanted> = (first..first + count)
            .map(|index| Wanted {
                pool: pool(),
                tiers: vec![Tier::WholePool],
                shape: Shape::Axb {
                    a: party((1 << 41) + 2 * index),
                    b: party((1 << 41) + 2 * index + 1),
                },
                exclusive: false,
                rules,
                never: [None, None],
            })
            .collect();
        let started = Stopwatch::start();
        for (index, wanted) in wanted.iter().enumerate() {
            if touched {
                closed.reopen([number(index % numbers as usize)]);
            }
            let draft = Draft::new(&table, START);
            let chosen = choose_among_open(&inventory, &draft, wanted, first, &mut closed);
            assert!(chosen.is_err(), "every number is at its cap");
        }
        started.elapsed().as_nanos() as f64 / count as f64
    };
    let first = refuse(0, 1, false);
    let next = refuse(1, REFUSALS, false);
    let touched = refuse(1 + REFUSALS, REFUSALS, true);
    format!(
        "{{\"numbers\":{numbers},\"first_ms\":{:.1},\"next_us\":{:.2},\"touched_us\":{:.2}}}",
        first / 1e6,
        next / 1e3,
        touched / 1e3
    )
}
