//! The small world that every history plays in: few accounts, pools, numbers and people, so that
//! collisions are common and every boundary is met.

use axbridge_domain::{
    city::CityCode,
    party::PartyKey,
    phone::PhoneNumber,
    pool::{CityFallback, Policy, PoolNo, PoolRules},
    route::{Extension, Selector},
    time::Timestamp,
};

/// Tenants. The same people are known to each of them.
pub(crate) const ACCOUNTS: usize = 2;
/// Which account owns which pool.
pub(crate) const POOL_OWNERS: [usize; 3] = [0, 0, 1];
/// Which pool a number belongs to whenever it belongs to one.
pub(crate) const NUMBER_POOLS: [usize; 8] = [0, 0, 0, 0, 0, 1, 2, 2];
/// Real people. The last one's own number is also a number of the first pool.
pub(crate) const PEOPLE: usize = 5;
/// Where the clock stands at first.
pub(crate) const START_MS: i64 = 1_800_000_000_000;

const CITIES: [&str; 2] = ["010", "021"];

/// A city by its place in the cast.
pub(crate) fn city(index: usize) -> CityCode {
    CityCode::parse(CITIES[index % CITIES.len()]).expect("an area code")
}

/// The city of a number X.
pub(crate) fn city_of(number: usize) -> CityCode {
    city(number / 2)
}

/// The digits of a number X.
pub(crate) fn digits(number: usize) -> String {
    format!("1380000000{number}")
}

/// A number X.
pub(crate) fn number(index: usize) -> PhoneNumber {
    PhoneNumber::parse(&digits(index)).expect("a mobile number")
}

/// The real number of a person.
pub(crate) fn person(index: usize) -> PhoneNumber {
    if index == PEOPLE - 1 {
        return number(0);
    }
    PhoneNumber::parse(&format!("1390000000{index}")).expect("a mobile number")
}

/// A person as the oracle knows them: by account, and by no secret.
pub(crate) fn party(account: usize, index: usize) -> PartyKey {
    let mut digest = [9; 16];
    digest[14] = account as u8;
    digest[15] = index as u8;
    PartyKey::from_digest(digest)
}

/// The one extension of the cast.
pub(crate) fn extension() -> Extension {
    "8001".parse().expect("an extension")
}

/// The number of a pool.
pub(crate) fn pool_no(index: usize) -> PoolNo {
    PoolNo::new(1 + index as u64).expect("a small number")
}

/// The account that owns a number.
pub(crate) fn owner_of(number: usize) -> usize {
    POOL_OWNERS[NUMBER_POOLS[number]]
}

/// Everything a call to a number can be told apart by.
pub(crate) fn selectors(number: usize) -> impl Iterator<Item = Selector> {
    let account = owner_of(number);
    let callers = (0..PEOPLE).map(move |index| Selector::Caller(party(account, index)));
    callers.chain([Selector::Any, Selector::Extension(extension())])
}

/// A moment after the start, in the units of the history.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(START_MS + ms)
}

/// How long the heart's simulation remembers ended routes.
pub(crate) const REMEMBER: i64 = 24;
/// How long the heart's simulation keeps idempotency keys.
pub(crate) const KEYS_KEPT: i64 = 60;

/// The rules that an operator may set, by their place, in milliseconds times `scale`.
pub(crate) fn rules(index: u64, scale: i64) -> PoolRules {
    const POLICIES: [Policy; 4] = [
        Policy::Protect,
        Policy::Pack,
        Policy::Spread,
        Policy::Random,
    ];
    const QUARANTINES: [(i64, i64); 5] = [(8, 3), (0, 0), (12, 12), (REMEMBER, 0), (5, 4)];
    const CAPS: [u32; 4] = [3, 1, 2, 50];
    let place = |length: usize, shift: u32| ((index >> shift) as usize) % length;
    let (full, least) = QUARANTINES[place(QUARANTINES.len(), 8)];
    PoolRules {
        policy: POLICIES[place(POLICIES.len(), 0)],
        city_fallback: if index & 0x40 == 0 {
            CityFallback::Any
        } else {
            CityFallback::None
        },
        quarantine_ms: full * scale,
        quarantine_min_ms: least * scale,
        bindings_per_number_max: CAPS[place(CAPS.len(), 16)],
    }
}
