//! Binds without a look beforehand. Where numbers are plenty the first one drawn will nearly
//! always do, so it goes straight to the claim and is judged once, under its number's lock. A
//! guess that fails costs its bind another turn, with a look; when they begin to fail, batches look
//! first ([`FirstLook`](super::core::FirstLook)).

use std::{collections::HashMap, time::Duration};

use axbridge_domain::{
    account::AccountId,
    phone::PhoneNumber,
    pool::{Policy, PoolNo, PoolRules},
    selection::{DRAWS, draw},
    time::Timestamp,
};
use deadpool_postgres::Transaction;

use super::{
    core::Core,
    fault::Fault,
    glance::{number_at, value},
    look::Seen,
    rows::{account_column, city_column, pool_column},
    select::{Pick, Search},
    taken::Taken,
    walk::judge_seen,
    worker::Job,
};
use crate::model::Placement;

/// Lists whose length is kept, and places.
const LISTS_MAX: u64 = 100_000;
const PLACES_MAX: u64 = 2_000_000;

/// How long a list may have grown unnoticed: what is drawn meanwhile is only older.
const LENGTH_TTL: Duration = Duration::from_secs(1);

/// A list: a pool and a city column.
pub(super) type List = (PoolNo, i16);

/// What a node remembers of the lists that candidates are drawn from. Wrong or old entries only
/// make for bad guesses: what is claimed is judged by what its number's row says under the lock.
pub(super) struct Lists {
    lengths: moka::sync::Cache<List, usize>,
    places: moka::sync::Cache<(List, usize), PhoneNumber>,
}

impl Lists {
    pub(super) fn new() -> Self {
        Self {
            lengths: moka::sync::Cache::builder()
                .max_capacity(LISTS_MAX)
                .time_to_live(LENGTH_TTL)
                .build(),
            places: moka::sync::Cache::new(PLACES_MAX),
        }
    }

    /// Notes how long a list is.
    pub(super) fn note_length(&self, list: List, length: usize) {
        self.lengths.insert(list, length);
    }

    /// Notes who stands at a place.
    pub(super) fn note_place(&self, list: List, place: usize, x: PhoneNumber) {
        self.places.insert((list, place), x);
    }

    /// Whether nothing is known that keeps the number at this place from a job.
    pub(super) fn may_do(
        &self,
        place: (List, usize),
        job: &Job,
        taken: &Taken,
        now: Timestamp,
    ) -> bool {
        self.places.get(&place).is_none_or(|x| {
            let wanted = &job.wanted;
            !wanted.never.contains(&Some(x)) && !taken.stands_in_the_way(x, &wanted.shape, now)
        })
    }
}

/// Takes a number without a look for every search that may do so; answers the other searches.
pub(super) async fn guess(
    core: &Core,
    transaction: &Transaction<'_>,
    (account, now): (AccountId, Timestamp),
    jobs: &[Job],
    open: Vec<Search>,
    picks: &mut Vec<Pick>,
) -> Result<Vec<Search>, Fault> {
    if core.first_look.looks() > 1 {
        return Ok(open);
    }
    let mut guesses = Vec::with_capacity(open.len());
    for search in open {
        let places = places_for(core, &jobs[search.job()]);
        guesses.push((search, places));
    }
    let first_open = |job: &Job, places: &[(List, usize)]| {
        let mut places = places.iter().copied();
        places.find(|place| core.lists.may_do(*place, job, &core.taken, now))
    };
    let mut unknown = Vec::new();
    for (search, places) in &guesses {
        unknown.extend(first_open(&jobs[search.job()], places));
    }
    unknown.retain(|place| !core.lists.places.contains_key(place));
    fetch(core, transaction, account, &unknown).await?;
    let mut rest = Vec::new();
    for (search, places) in guesses {
        let job = &jobs[search.job()];
        let place = first_open(job, &places);
        match place.and_then(|place| core.lists.places.get(&place)) {
            Some(x) => picks.push(Pick {
                job: search.job(),
                x,
                guessed: true,
                unused: true,
            }),
            None => rest.push(search),
        }
    }
    Ok(rest)
}

/// The places to guess at, for a bind that may: its first turn, nothing to compare, no quota.
fn places_for(core: &Core, job: &Job) -> Vec<(List, usize)> {
    let policy = job.wanted.rules.policy;
    let may = job.tries == 0
        && !job.command.dry_run
        && job.command.live_bindings_max.is_none()
        && policy != Policy::Spread
        && matches!(job.command.placement, Placement::Select { .. });
    let Some(tier) = job.wanted.tiers.first() else {
        return Vec::new();
    };
    let list = (job.wanted.pool, city_column(tier.city()));
    let length = core.lists.lengths.get(&list).filter(|_| may).unwrap_or(0);
    if length <= DRAWS {
        return Vec::new();
    }
    let mut draws = job.draws();
    let places = draw(policy, length, &mut draws);
    places.map(|place| (list, place)).collect()
}

/// Reads who stands at places.
async fn fetch(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    places: &[(List, usize)],
) -> Result<(), Fault> {
    if places.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "SELECT p.x, q.turn::int8
             FROM unnest($2::int8[], $3::int2[], $4::int8[])
                 WITH ORDINALITY q (pool, city, ord, turn)
             CROSS JOIN LATERAL (
                 SELECT x FROM number_place
                 WHERE account = $1 AND pool = q.pool AND city = q.city AND ord = q.ord
                 LIMIT 1) p",
        )
        .await?;
    let (mut pools, mut cities, mut ords) = (Vec::new(), Vec::new(), Vec::new());
    for ((pool, city), ord) in places {
        pools.push(pool_column(*pool));
        cities.push(*city);
        ords.push(i64::try_from(*ord).unwrap_or(i64::MAX));
    }
    let rows = transaction
        .query(
            &statement,
            &[&account_column(account), &pools, &cities, &ords],
        )
        .await?;
    for row in &rows {
        let turn: i64 = value(row, 1)?;
        let place = usize::try_from(turn - 1).ok().and_then(|at| places.get(at));
        if let Some(place) = place {
            core.lists.note_place(place.0, place.1, number_at(row, 0)?);
        }
    }
    Ok(())
}

/// Since when nobody may have held routes that are claimed without a look under the lock.
pub(super) fn unused_since(rules: &PoolRules, now: Timestamp, remember_ms: i64) -> Timestamp {
    now.plus_ms(-unused_after_ms(rules, remember_ms))
}

/// From when on routes that live until then can be claimed without a look under the lock.
pub(super) fn unused_from(rules: &PoolRules, live_until: Timestamp, core: &Core) -> Timestamp {
    live_until.plus_ms(unused_after_ms(rules, core.options.remember_ms))
}

/// How long after its end a route counts as unused: the full quarantine, and as long as the policy
/// tells it from others where that matters.
fn unused_after_ms(rules: &PoolRules, remember_ms: i64) -> i64 {
    match rules.policy {
        Policy::Protect => remember_ms,
        _ => rules.quarantine_ms.min(remember_ms),
    }
}

/// Whether a guess that got its routes is what a look would have picked: a number that may be given
/// out, in the first place that is wanted, and the pair had no other last.
pub(super) fn holds(
    pick: &Pick,
    job: &Job,
    seen: &Seen,
    last: &HashMap<usize, PhoneNumber>,
    now: Timestamp,
) -> bool {
    let wanted = &job.wanted;
    let [quarantine_ms, _] = wanted.quarantines_ms();
    let city = wanted.tiers.first().and_then(|tier| tier.city());
    let Some(number) = seen.number(pick.x) else {
        return false;
    };
    let stand = |route: &axbridge_domain::route::Route| seen.stand(route);
    let candidate = judge_seen(wanted, number, seen, stand, now, quarantine_ms);
    city.is_none_or(|city| number.city == Some(city))
        && candidate.is_ok()
        && last.get(&pick.job).is_none_or(|x| *x == pick.x)
}
