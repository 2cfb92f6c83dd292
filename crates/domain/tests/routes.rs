//! The table of routes against the oracle: random histories over few numbers and few parties, so
//! that collisions are common and every boundary is hit to the millisecond.

use axbridge_domain::{
    binding::{Shape, SubId},
    draft::{ClaimRules, Draft},
    party::PartyKey,
    phone::PhoneNumber,
    route::{Extension, Selector},
    route_table::{Record, Resolution, RouteStanding, RouteTable},
    time::Timestamp,
};
use proptest::{collection::vec, option, prelude::*};

mod oracle;

use oracle::Oracle;

const START_MS: i64 = 1_800_000_000_000;
const REMEMBER_MS: i64 = 12;
const QUARANTINES_MS: [i64; 3] = [0, 4, REMEMBER_MS];
const NUMBERS: usize = 3;
const PARTIES: usize = 5;

fn number(index: usize) -> PhoneNumber {
    PhoneNumber::parse(&format!("1380000000{index}")).expect("a mobile number")
}

fn party(index: usize) -> PartyKey {
    let mut digest = [7; 16];
    digest[15] = index as u8;
    PartyKey::from_digest(digest)
}

fn extension(index: usize) -> Extension {
    ["1", "01", "8001"][index].parse().expect("an extension")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(START_MS + ms)
}

/// One change that a batch may hold; `pick` names a binding of the past.
#[derive(Clone, Debug)]
enum Op {
    Claim { ask: Ask, replacing: Option<usize> },
    Release(usize),
    Move { pick: usize, by_ms: i64 },
}

#[derive(Clone, Debug)]
struct Ask {
    x: usize,
    shape: Shape,
    exclusive: bool,
    life_ms: i64,
    rules: ClaimRules,
}

#[derive(Clone, Debug)]
enum Step {
    Batch { ops: Vec<Op>, keep: bool },
    Wait(i64),
}

fn two_parties() -> impl Strategy<Value = (PartyKey, PartyKey)> {
    (0..PARTIES, 1..PARTIES).prop_map(|(a, apart)| (party(a), party((a + apart) % PARTIES)))
}

fn shapes() -> impl Strategy<Value = Shape> {
    let others = (two_parties(), any::<bool>(), 0..3usize, 0..NUMBERS);
    let group = vec(0..PARTIES, 1..4);
    prop_oneof![
        2 => two_parties().prop_map(|(a, _)| Shape::Ax { a }),
        6 => two_parties().prop_map(|(a, b)| Shape::Axb { a, b }),
        3 => (others, 0..3usize).prop_map(|(((a, b), with_b, code, y), mode)| {
            let b = with_b.then_some(b);
            match mode {
                0 => Shape::Axn { a, b },
                1 => Shape::Axne { a, extension: extension(code), b },
                _ => Shape::Axyb { a, y: number(y), b },
            }
        }),
        1 => (two_parties(), any::<bool>(), group).prop_map(|((a, b), with_b, group)| {
            let members = group.into_iter().map(party).filter(|member| *member != a);
            Shape::Axg { a, group: members.chain([b]).collect(), b: with_b.then_some(b) }
        }),
    ]
}

fn asks() -> impl Strategy<Value = Ask> {
    let rules = (prop::sample::select(QUARANTINES_MS.to_vec()), 1..5u32);
    (
        0..NUMBERS,
        shapes(),
        prop::bool::weighted(0.2),
        0..20i64,
        rules,
    )
        .prop_map(
            |(x, shape, exclusive, life_ms, (quarantine_ms, bindings_per_number_max))| Ask {
                x,
                shape,
                exclusive,
                life_ms,
                rules: ClaimRules {
                    quarantine_ms,
                    bindings_per_number_max,
                },
            },
        )
}

fn steps() -> impl Strategy<Value = Step> {
    let op = prop_oneof![
        6 => (asks(), option::weighted(0.3, 0..64usize))
            .prop_map(|(ask, replacing)| Op::Claim { ask, replacing }),
        2 => (0..64usize).prop_map(Op::Release),
        2 => (0..64usize, -4..12i64).prop_map(|(pick, by_ms)| Op::Move { pick, by_ms }),
    ];
    prop_oneof![
        3 => (vec(op, 1..6), prop::bool::weighted(0.8))
            .prop_map(|(ops, keep)| Step::Batch { ops, keep }),
        2 => prop_oneof![4 => 0..4i64, 1 => 4..20i64, 1 => -30..0i64].prop_map(Step::Wait),
    ]
}

fn pick(oracle: &Oracle, pick: usize) -> Option<Record> {
    let count = oracle.deals.len();
    // Mostly one of the newest, which are the ones that live.
    let place = count.checked_sub(1 + pick % count.clamp(1, 12))?;
    oracle.deals.get(place).map(|deal| deal.record.clone())
}

fn run_op(op: Op, draft: &mut Draft<'_>, oracle: &mut Oracle, nonce: u32) {
    match op {
        Op::Claim { ask, replacing } => {
            let x = number(ask.x);
            let old = replacing.and_then(|index| pick(oracle, index));
            let old = old.filter(|old| draft.is_live(old.sub_id, old.x, &old.shape));
            let record = Record {
                sub_id: old
                    .as_ref()
                    .map_or_else(|| SubId::new(oracle.now, x, nonce), |old| old.sub_id),
                x,
                shape: ask.shape,
                exclusive: ask.exclusive,
                live_until: oracle.now.plus_ms(ask.life_ms),
            };
            let replaced = old.as_ref().map(|old| old.sub_id);
            let expected = oracle.check(&record, ask.rules, replaced);
            let replacing = old.as_ref().map(|old| (old.sub_id, old.x, &old.shape));
            assert_eq!(draft.check(&record, ask.rules, replacing), expected);
            assert_eq!(draft.claim(record.clone(), ask.rules, replacing), expected);
            if expected.is_ok() {
                oracle.claim(record, replaced);
            }
        }
        Op::Release(index) => {
            if let Some(old) = pick(oracle, index) {
                let is_current = is_current(oracle, &old);
                let released = draft.release(old.sub_id, old.x, &old.shape);
                assert_eq!(released, is_current && oracle.release(old.sub_id));
            }
        }
        Op::Move { pick: index, by_ms } => {
            if let Some(old) = pick(oracle, index) {
                let is_current = is_current(oracle, &old);
                let until = oracle.now.plus_ms(by_ms);
                let moved = draft.set_live_until(old.sub_id, old.x, &old.shape, until);
                assert_eq!(
                    moved,
                    is_current && oracle.set_live_until(old.sub_id, until)
                );
            }
        }
    }
}

/// Whether the binding lives and is still found by the form that `old` shows (an update keeps the
/// id, but may move it to other routes).
fn is_current(oracle: &Oracle, old: &Record) -> bool {
    let Some((deal, sought)) = oracle.live_deal(old.sub_id).zip(old.shape.route(old.x, 0)) else {
        return false;
    };
    let mut routes = deal.record.shape.routes(deal.record.x);
    routes.any(|route| (route.x, route.selector) == (sought.x, sought.selector))
}

fn selectors() -> impl Iterator<Item = Selector> {
    let callers = (0..PARTIES).map(|index| Selector::Caller(party(index)));
    let extensions = (0..3).map(|index| Selector::Extension(extension(index)));
    callers.chain(extensions).chain([Selector::Any])
}

fn assert_draft_agrees(draft: &Draft<'_>, oracle: &Oracle) {
    for x in (0..NUMBERS).map(number) {
        assert_eq!(draft.load(x), oracle.load(x), "load in the batch");
        for selector in selectors() {
            let expected = oracle.stand(x, selector);
            assert_eq!(
                draft.stand(x, selector),
                expected,
                "{selector:?} in the batch"
            );
        }
    }
    for (a, b) in pairs() {
        let expected = oracle.last_of_pair(a, b).map(|deal| deal.record.x);
        if expected.is_some() {
            assert_eq!(draft.last_x_of_pair(a, b), expected);
        }
    }
}

fn pairs() -> impl Iterator<Item = (PartyKey, Option<PartyKey>)> {
    (0..PARTIES).flat_map(|a| {
        let others = (0..PARTIES).filter(move |b| *b != a);
        let with_b = others.map(move |b| (party(a), Some(party(b))));
        with_b.chain([(party(a), None)])
    })
}

fn assert_table_agrees(table: &RouteTable, oracle: &Oracle) {
    let now = oracle.now;
    assert_eq!(table.now(), now);
    assert_eq!(table.live(), oracle.live_deals().count(), "live bindings");
    assert_eq!(table.remembered(), oracle.remembered(), "remembered");
    for x in (0..NUMBERS).map(number) {
        assert_eq!(table.load(x), oracle.load(x), "load");
        for selector in selectors() {
            assert_eq!(table.stand(x, selector, now), oracle.stand(x, selector));
        }
        let callers = (0..PARTIES).map(|index| Some(party(index))).chain([None]);
        for caller in callers {
            for keyed in [None, Some(extension(0)), Some(extension(2))] {
                let expected = oracle.resolve(x, caller, keyed, QUARANTINES_MS[1]);
                let found = table.resolve(x, caller, keyed, now, QUARANTINES_MS[1]);
                assert_eq!(found, expected, "call from {caller:?} keying {keyed:?}");
            }
        }
    }
    for (a, b) in pairs() {
        let expected = oracle.last_of_pair(a, b);
        let expected = expected.map(|deal| (deal.record.x, deal.record.live_until));
        assert_eq!(table.last_of_pair(a, b), expected, "last number of a pair");
    }
    for deal in &oracle.deals {
        let record = &deal.record;
        let found = table.live_record(record.sub_id, record.x, &record.shape, now);
        assert_eq!(found.is_some(), is_current(oracle, record));
    }
}

fn assert_history_agrees(history: Vec<Step>) {
    let mut table = RouteTable::new(REMEMBER_MS);
    let mut oracle = Oracle::new(REMEMBER_MS);
    let mut clock = 0;
    table.advance(at(0));
    oracle.advance(at(0));
    let mut nonce = 0;
    for step in history {
        match step {
            Step::Wait(ms) => {
                clock += ms;
                let expired = table.advance(at(clock));
                assert!(expired.is_sorted_by_key(|one| one.at), "in order of time");
                let mut expired: Vec<_> = expired
                    .into_iter()
                    .map(|one| (one.sub_id, one.at))
                    .collect();
                expired.sort_by_key(|(sub_id, at)| (*at, *sub_id));
                assert_eq!(expired, oracle.advance(at(clock)));
                clock = clock.max(oracle.now.unix_ms() - START_MS - 30);
            }
            Step::Batch { ops, keep } => {
                let mut draft = Draft::new(&table, at(clock));
                assert_eq!(draft.now(), oracle.now);
                let mut after = oracle.clone();
                for op in ops {
                    nonce += 1;
                    run_op(op, &mut draft, &mut after, nonce);
                    assert_draft_agrees(&draft, &after);
                }
                let delta = draft.into_delta();
                if keep {
                    table.apply(delta);
                    oracle = after;
                }
            }
        }
        assert_table_agrees(&table, &oracle);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_history_leaves_what_the_oracle_says(history in vec(steps(), 1..40)) {
        assert_history_agrees(history);
    }

    #[test]
    fn a_table_that_is_rebuilt_from_its_records_stands_the_same(history in vec(steps(), 1..40)) {
        let mut oracle = Oracle::new(REMEMBER_MS);
        let mut table = RouteTable::new(REMEMBER_MS);
        table.advance(at(0));
        oracle.advance(at(0));
        for (nonce, step) in (1..).zip(history) {
            match step {
                Step::Wait(ms) => {
                    let now = oracle.now.plus_ms(ms);
                    table.advance(now);
                    oracle.advance(now);
                }
                Step::Batch { ops, .. } => {
                    let mut draft = Draft::new(&table, oracle.now);
                    for op in ops {
                        let nonce = nonce * 100 + oracle.deals.len() as u32;
                        run_op(op, &mut draft, &mut oracle, nonce);
                    }
                    let delta = draft.into_delta();
                    table.apply(delta);
                }
            }
        }
        let mut rebuilt = RouteTable::new(REMEMBER_MS);
        for deal in &oracle.deals {
            rebuilt.insert(deal.record.clone());
        }
        rebuilt.advance(oracle.now);
        assert_table_agrees(&rebuilt, &oracle);
    }
}

fn rules(quarantine_ms: i64) -> ClaimRules {
    ClaimRules {
        quarantine_ms,
        bindings_per_number_max: u32::MAX,
    }
}

fn axb(x: usize, a: usize, b: usize, nonce: u32, live_until: Timestamp) -> Record {
    Record {
        sub_id: SubId::new(at(0), number(x), nonce),
        x: number(x),
        shape: Shape::Axb {
            a: party(a),
            b: party(b),
        },
        exclusive: false,
        live_until,
    }
}

#[test]
fn expiry_and_quarantine_are_exact_to_the_millisecond() {
    let mut table = RouteTable::new(1_000);
    table.insert(axb(0, 0, 1, 1, at(100)));
    let callee = |now| match table.resolve(number(0), Some(party(0)), None, now, 50) {
        Resolution::Connect { callee, .. } => Some(callee),
        _ => None,
    };
    assert_eq!(callee(at(99)), Some(party(1)));
    assert_eq!(callee(at(100)), None);

    let mut may_claim = |now, a, b| {
        table.advance(now);
        let draft = Draft::new(&table, now);
        draft
            .check(&axb(0, a, b, 2, at(900)), rules(50), None)
            .is_ok()
    };
    assert!(!may_claim(at(99), 0, 1), "not even by the same pair");
    assert!(may_claim(at(100), 0, 1), "by the same pair at once");
    assert!(!may_claim(at(149), 0, 2), "by another pair not yet");
    assert!(may_claim(at(150), 0, 2), "by another pair now");
}

#[test]
fn a_clock_that_jumps_back_revives_nothing() {
    let mut table = RouteTable::new(1_000);
    table.advance(at(0));
    let record = axb(0, 0, 1, 1, at(500));
    table.insert(record.clone());
    table.advance(at(100));
    let mut draft = Draft::new(&table, at(100));
    assert!(draft.release(record.sub_id, record.x, &record.shape));
    let delta = draft.into_delta();
    table.apply(delta);

    let earlier = at(50);
    assert_eq!(table.advance(earlier), []);
    assert_eq!(table.now(), at(100));
    assert_eq!(Draft::new(&table, earlier).now(), at(100));
    let standing = table.stand(number(0), Selector::Caller(party(0)), earlier);
    assert!(matches!(standing, RouteStanding::Ended { at: ended, .. } if ended == at(100)));
    let answer = table.resolve(number(0), Some(party(0)), None, earlier, 50);
    assert_eq!(
        answer,
        Resolution::Ended {
            sub_id: record.sub_id
        }
    );
    let found = table.live_record(record.sub_id, record.x, &record.shape, earlier);
    assert!(found.is_none());
}

#[test]
fn memory_stays_small_however_many_bindings_come_and_go() {
    let mut table = RouteTable::new(1_000);
    table.advance(at(0));
    for round in 0..50_000u32 {
        let now = at(i64::from(round) / 10);
        table.advance(now);
        // Far-off ends, given up at once: what most clients do.
        let far = now.plus_ms(10 * 365 * 86_400_000);
        let (a, x) = (round as usize % PARTIES, round as usize % NUMBERS);
        let record = axb(x, a, (a + 1) % PARTIES, round, far);
        let mut draft = Draft::new(&table, now);
        draft.claim(record.clone(), rules(0), None).expect("free");
        if round % 2 == 0 {
            draft.set_live_until(record.sub_id, record.x, &record.shape, now.plus_ms(5));
        }
        let delta = draft.into_delta();
        table.apply(delta);
        let mut draft = Draft::new(&table, now);
        assert!(draft.release(record.sub_id, record.x, &record.shape));
        let delta = draft.into_delta();
        table.apply(delta);
        assert!(table.remembered() <= NUMBERS * PARTIES, "records");
        assert!(
            table.awaiting() <= 256,
            "moments awaited: {}",
            table.awaiting()
        );
    }
    table.advance(at(1_000_000));
    assert_eq!(table.remembered(), 0);
    assert_eq!(table.live(), 0);
}
