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
type List = (PoolNo, i16);

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
}

/// Takes a number without a look for every search that may do so; answers the other searches.
pub(super) async fn guess(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    jobs: &[Job],
    open: Vec<Search>,
    picks: &mut Vec<Pick>,
) -> Result<Vec<Search>, Fault> {
    if core.first_look.looks() > 1 {
        return Ok(open);
    }
    let mut places: Vec<Option<(List, usize)>> = Vec::with_capacity(open.len());
    for search in &open {
        places.push(place_for(core, &jobs[search.job()]));
    }
    let mut unknown: Vec<(List, usize)> = places.iter().flatten().copied().collect();
    unknown.retain(|place| !core.lists.places.contains_key(place));
    fetch(core, transaction, account, &unknown).await?;
    let mut rest = Vec::new();
    for (search, place) in open.into_iter().zip(places) {
        let x = place.and_then(|place| core.lists.places.get(&place));
        let job = &jobs[search.job()];
        match x.filter(|x| !job.wanted.never.contains(&Some(*x))) {
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

/// The place to guess at, for a bind that may: its first turn, nothing to compare, no quota.
fn place_for(core: &Core, job: &Job) -> Option<(List, usize)> {
    let policy = job.wanted.rules.policy;
    let may = job.tries == 0
        && !job.command.dry_run
        && job.command.live_bindings_max.is_none()
        && policy != Policy::Spread
        && matches!(job.command.placement, Placement::Select { .. });
    let list = (
        job.wanted.pool,
        city_column(job.wanted.tiers.first()?.city()),
    );
    let length = core.lists.lengths.get(&list).filter(|_| may)?;
    if length <= DRAWS {
        return None;
    }
    let mut draws = job.draws();
    Some((list, draw(policy, length, &mut draws).next()?))
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
            core.lists.places.insert(*place, number_at(row, 0)?);
        }
    }
    Ok(())
}

/// Since when nobody may have held routes that are claimed without a look under the lock: long enough for the full quarantine, and
/// for the policy to see them as unused where that matters.
pub(super) fn unused_since(rules: &PoolRules, now: Timestamp, remember_ms: i64) -> Timestamp {
    let quarantine_ms = match rules.policy {
        Policy::Protect => remember_ms,
        _ => rules.quarantine_ms.min(remember_ms),
    };
    now.plus_ms(-quarantine_ms)
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
