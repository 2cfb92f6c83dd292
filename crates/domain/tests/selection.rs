//! Selection against the oracle: what is chosen is eligible in the first place that has anything
//! eligible, a refusal is true of every number and says why, and the policies prefer what they
//! say.

use axbridge_domain::{
    binding::{Shape, SubId},
    city::CityCode,
    city_order::Tier,
    draft::{ClaimRules, Draft},
    inventory::{Inventory, NumberSlot},
    party::PartyKey,
    phone::PhoneNumber,
    pool::{Policy, PoolNo, PoolRules},
    refusal::Tally,
    route_table::{Record, RouteTable},
    selection::{self, DRAWS, Wanted},
    time::Timestamp,
};
use proptest::{collection::vec, option, prelude::*};

mod oracle;

use oracle::Oracle;

const START_MS: i64 = 1_800_000_000_000;
const REMEMBER_MS: i64 = 100;
const FULL_MS: i64 = 50;
const MIN_MS: i64 = 10;
const NUMBERS: usize = 14;
const PARTIES: usize = 6;

fn number(index: usize) -> PhoneNumber {
    PhoneNumber::parse(&format!("138000000{index:02}")).expect("a mobile number")
}

fn party(index: usize) -> PartyKey {
    let mut digest = [7; 16];
    digest[15] = index as u8;
    PartyKey::from_digest(digest)
}

fn city(index: usize) -> CityCode {
    CityCode::parse(["010", "021", "0755"][index]).expect("a city in force")
}

fn pool() -> PoolNo {
    PoolNo::new(1).expect("18 digits")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(START_MS + ms)
}

/// Numbers of one pool, one after the other; every fourth has no city.
fn inventory(enabled: &[bool]) -> Inventory {
    let mut inventory = Inventory::default();
    for (index, enabled) in enabled.iter().enumerate() {
        inventory.add(NumberSlot {
            x: number(index),
            pool: pool(),
            city: (index % 4 < 3).then(|| city(index % 4)),
            enabled: *enabled,
        });
    }
    inventory
}

/// A binding of the past: on which number, between whom, when made, how long it lived.
#[derive(Clone, Debug)]
struct Past {
    x: usize,
    shape: Shape,
    exclusive: bool,
    wait_ms: i64,
    life_ms: i64,
}

fn shapes() -> impl Strategy<Value = Shape> {
    (0..PARTIES, 1..PARTIES, prop::bool::weighted(0.3)).prop_map(|(a, apart, is_ax)| {
        let (a, b) = (party(a), party((a + apart) % PARTIES));
        if is_ax {
            Shape::Ax { a }
        } else {
            Shape::Axb { a, b }
        }
    })
}

fn pasts() -> impl Strategy<Value = Vec<Past>> {
    let lives = prop_oneof![2 => 1..40i64, 1 => 500..900i64];
    let past = (
        0..NUMBERS,
        shapes(),
        prop::bool::weighted(0.15),
        0..4i64,
        lives,
    );
    let past = past.prop_map(|(x, shape, exclusive, wait_ms, life_ms)| Past {
        x,
        shape,
        exclusive,
        wait_ms,
        life_ms,
    });
    vec(past, 0..60)
}

fn wanteds() -> impl Strategy<Value = Wanted> {
    let tiers = vec(option::of(0..3usize), 1..4);
    let policy = prop::sample::select(Policy::ALL.to_vec());
    let never = option::weighted(0.3, 0..NUMBERS);
    let cap = prop_oneof![1..4u32, Just(5000)];
    (tiers, policy, shapes(), any::<bool>(), never, cap).prop_map(
        |(tiers, policy, shape, exclusive, never, bindings_per_number_max)| Wanted {
            pool: pool(),
            tiers: tiers
                .into_iter()
                .map(|index| index.map_or(Tier::WholePool, |index| Tier::City(city(index))))
                .collect(),
            shape,
            exclusive,
            rules: PoolRules {
                policy,
                quarantine_ms: FULL_MS,
                quarantine_min_ms: MIN_MS,
                bindings_per_number_max,
                ..PoolRules::default()
            },
            never: [never.map(number), None],
        },
    )
}

fn live_through(pasts: Vec<Past>) -> (RouteTable, Oracle) {
    let mut table = RouteTable::new(REMEMBER_MS);
    let mut oracle = Oracle::new(REMEMBER_MS);
    let mut now = at(0);
    let rules = ClaimRules {
        quarantine_ms: 0,
        bindings_per_number_max: u32::MAX,
    };
    for (nonce, past) in (0..).zip(pasts) {
        now = now.plus_ms(past.wait_ms);
        table.advance(now);
        oracle.advance(now);
        let record = Record {
            sub_id: SubId::new(now, number(past.x), nonce),
            x: number(past.x),
            shape: past.shape,
            exclusive: past.exclusive,
            live_until: now.plus_ms(past.life_ms),
        };
        let mut draft = Draft::new(&table, now);
        let granted = draft.claim(record.clone(), rules, None);
        assert_eq!(granted, oracle.check(&record, rules, None));
        if granted.is_ok() {
            oracle.claim(record, None);
        }
        let delta = draft.into_delta();
        table.apply(delta);
    }
    (table, oracle)
}

/// The numbers of a place in import order, with how each stands.
fn eligible(
    oracle: &Oracle,
    inventory: &Inventory,
    wanted: &Wanted,
    tier: Tier,
    quarantine_ms: i64,
) -> Vec<PhoneNumber> {
    let all = inventory.list(wanted.pool, tier.city()).iter().copied();
    all.filter(|x| {
        let enabled = inventory.get(*x).is_some_and(|slot| slot.enabled);
        oracle.verdict(wanted, *x, enabled, quarantine_ms).is_ok()
    })
    .collect()
}

/// The first place that has anything eligible, and what it has.
fn first_place(
    oracle: &Oracle,
    inventory: &Inventory,
    wanted: &Wanted,
) -> Option<(Tier, i64, Vec<PhoneNumber>)> {
    [FULL_MS, MIN_MS].into_iter().find_map(|quarantine_ms| {
        wanted.tiers.iter().find_map(|tier| {
            let found = eligible(oracle, inventory, wanted, *tier, quarantine_ms);
            (!found.is_empty()).then_some((*tier, quarantine_ms, found))
        })
    })
}

fn expected_tally(oracle: &Oracle, inventory: &Inventory, wanted: &Wanted, tier: Tier) -> Tally {
    let mut tally = Tally::default();
    for x in inventory.list(wanted.pool, tier.city()) {
        let enabled = inventory.get(*x).is_some_and(|slot| slot.enabled);
        tally.count(oracle.verdict(wanted, *x, enabled, MIN_MS));
    }
    tally
}

/// Checks what each policy promises whatever was drawn.
fn assert_policy_kept(oracle: &Oracle, wanted: &Wanted, chosen: PhoneNumber, all: &[PhoneNumber]) {
    let last = oracle
        .last_of_pair(wanted.shape.a(), wanted.shape.b())
        .map(|deal| deal.record.x)
        .filter(|x| all.contains(x) && wanted.rules.policy != Policy::Random);
    if let Some(last) = last {
        assert_eq!(chosen, last, "the number this pair had last");
    } else if wanted.rules.policy == Policy::Pack {
        assert_eq!(chosen, all[0], "the first in import order");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_chosen_is_eligible_in_the_first_place_that_has_any(
        pasts in pasts(),
        wanted in wanteds(),
        enabled in vec(prop::bool::weighted(0.85), NUMBERS),
        wait_ms in 0..60i64,
        seed: u64,
    ) {
        let (mut table, mut oracle) = live_through(pasts);
        let now = oracle.now.max(at(0)).plus_ms(wait_ms);
        table.advance(now);
        oracle.advance(now);
        let inventory = inventory(&enabled);
        let draft = Draft::new(&table, now);

        let tallies = selection::tally(&inventory, &draft, &wanted);
        let expected: Vec<_> = wanted
            .tiers
            .iter()
            .map(|tier| (*tier, expected_tally(&oracle, &inventory, &wanted, *tier)))
            .collect();
        prop_assert_eq!(&tallies.places, &expected);

        let chosen = selection::choose(&inventory, &draft, &wanted, seed);
        match first_place(&oracle, &inventory, &wanted) {
            None => {
                prop_assert!(expected.iter().all(|(_, tally)| tally.eligible == 0));
                prop_assert_eq!(chosen, Err(tallies));
            }
            Some((tier, quarantine_ms, all)) => {
                let chosen = chosen.expect("a number is eligible");
                prop_assert!(all.contains(&chosen), "{tier:?} under {quarantine_ms} ms");
                assert_policy_kept(&oracle, &wanted, chosen, &all);
                let record = Record {
                    sub_id: SubId::new(now, chosen, 0xfff_ffff),
                    x: chosen,
                    shape: wanted.shape.clone(),
                    exclusive: wanted.exclusive,
                    live_until: now.plus_ms(5),
                };
                let mut draft = draft;
                let claimed = selection::claim(&mut draft, record, &wanted.rules);
                prop_assert_eq!(claimed, Ok(()), "what was chosen can be claimed");
            }
        }
    }
}

fn wanted(policy: Policy, a: usize, b: usize) -> Wanted {
    Wanted {
        pool: pool(),
        tiers: vec![Tier::WholePool],
        shape: Shape::Axb {
            a: party(a),
            b: party(b),
        },
        exclusive: false,
        rules: PoolRules {
            policy,
            quarantine_ms: FULL_MS,
            quarantine_min_ms: MIN_MS,
            ..PoolRules::default()
        },
        never: [None, None],
    }
}

fn past(x: usize, a: usize, b: usize, life_ms: i64) -> Past {
    Past {
        x,
        shape: Shape::Axb {
            a: party(a),
            b: party(b),
        },
        exclusive: false,
        wait_ms: 0,
        life_ms,
    }
}

/// How often each number is chosen over many seeds.
fn choices(pasts: Vec<Past>, numbers: usize, wanted: &Wanted, now: Timestamp) -> Vec<u32> {
    let (mut table, _) = live_through(pasts);
    table.advance(now);
    let inventory = inventory(&vec![true; numbers]);
    let draft = Draft::new(&table, now);
    let mut counts = vec![0; numbers];
    for seed in 0..4_000 {
        let chosen = selection::choose(&inventory, &draft, wanted, seed).expect("eligible");
        let index = (0..numbers).find(|index| number(*index) == chosen);
        counts[index.expect("one of them")] += 1;
    }
    counts
}

#[test]
fn random_gives_every_eligible_number_the_same_chance() {
    // Numbers 0 and 1 are held by A, so eight are left: 500 each are expected, give or take 21.
    let pasts = vec![past(0, 0, 2, 900), past(1, 0, 3, 900)];
    let counts = choices(pasts, 10, &wanted(Policy::Random, 0, 1), at(0));
    assert_eq!(counts[..2], [0, 0]);
    let off_the_mark = counts[2..]
        .iter()
        .find(|count| !(400..=600).contains(*count));
    assert_eq!(off_the_mark, None, "{counts:?}");
}

#[test]
fn random_is_fair_also_when_every_draw_fails() {
    // One in fourteen is free of A: most seeds draw only held ones and must look at all.
    let pasts = (0..12).map(|x| past(x, 0, 1 + x % 5, 900)).collect();
    let counts = choices(pasts, 14, &wanted(Policy::Random, 0, 1), at(0));
    assert!(counts[12].abs_diff(counts[13]) <= 300, "{counts:?}");
    assert_eq!(counts.iter().sum::<u32>(), counts[12] + counts[13]);
}

#[test]
fn pack_takes_the_first_that_fits() {
    let counts = choices(
        vec![past(0, 0, 2, 900)],
        9,
        &wanted(Policy::Pack, 0, 1),
        at(0),
    );
    assert_eq!(counts[1], 4_000);
}

#[test]
fn spread_takes_the_fewest_live_bindings_of_a_short_list() {
    let pasts = vec![past(0, 2, 3, 900), past(1, 2, 4, 900), past(1, 3, 5, 900)];
    let wanted = wanted(Policy::Spread, 0, 1);
    assert_eq!(choices(pasts.clone(), 2, &wanted, at(0)), [4_000, 0]);
    let equal = choices(pasts, 4, &wanted, at(0));
    assert_eq!(equal[..2], [0, 0]);
    assert!(equal[2].min(equal[3]) >= 900, "equals share: {equal:?}");
}

#[test]
fn spread_rarely_takes_the_busy_one_of_a_long_list() {
    // Draws may repeat: that all of them hit the busy number happens to one seed in 10^DRAWS.
    let counts = choices(
        vec![past(0, 2, 3, 900)],
        10,
        &wanted(Policy::Spread, 0, 1),
        at(0),
    );
    assert!(counts[0] <= 1, "{counts:?}");
}

#[test]
fn protect_prefers_a_number_that_neither_party_has_used() {
    // A has used number 0 with somebody else, B number 1; both are out of quarantine.
    let pasts = vec![past(0, 0, 2, 1), past(1, 1, 3, 1)];
    let wanted = wanted(Policy::Protect, 0, 1);
    assert_eq!(choices(pasts.clone(), 3, &wanted, at(70)), [0, 0, 4_000]);
    assert_eq!(DRAWS, 8, "the longest short list");
    let long = choices(pasts, 9, &wanted, at(70));
    assert!(long[0] + long[1] <= 1, "{long:?}");
}

#[test]
fn protect_takes_the_one_used_longest_ago_when_all_were_used() {
    let pasts = vec![past(0, 0, 2, 20), past(1, 0, 3, 1)];
    let wanted = wanted(Policy::Protect, 0, 1);
    assert_eq!(choices(pasts, 2, &wanted, at(75)), [0, 4_000]);
}

#[test]
fn the_full_quarantine_gives_way_only_when_nothing_else_is_eligible() {
    let pasts = || vec![past(0, 0, 2, 1)];
    for policy in Policy::ALL {
        let wanted = wanted(policy, 0, 1);
        assert_eq!(
            choices(pasts(), 2, &wanted, at(50))[0],
            0,
            "{policy:?}: 49 ms after its end"
        );
        if policy != Policy::Protect {
            let counts = choices(pasts(), 2, &wanted, at(51));
            assert_ne!(counts[0], 0, "{policy:?}: 50 ms after its end");
        }
        assert_eq!(
            choices(pasts(), 1, &wanted, at(11)),
            [4_000],
            "{policy:?}: nothing else"
        );
    }
    let (mut table, _) = live_through(pasts());
    table.advance(at(10));
    let inventory = inventory(&[true]);
    let draft = Draft::new(&table, at(10));
    let refusal = selection::choose(&inventory, &draft, &wanted(Policy::Pack, 0, 1), 1);
    let refusal = refusal.expect_err("not even under the shortest quarantine");
    assert_eq!(refusal.places[0].1.quarantined, 1);
}
