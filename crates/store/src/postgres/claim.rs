//! The claim of a batch: locks, what stands under them, and the rows of what can be had.

use std::collections::{BTreeMap, HashMap, HashSet};

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, SubId},
    city::CityCode,
    phone::PhoneNumber,
    route::{Route, Selector},
    route_table::Load,
    time::Timestamp,
};
use deadpool_postgres::Transaction;
use tokio_postgres::{Row, Statement, types::ToSql};

use super::{
    core::Core,
    fault::Fault,
    glance::look_closer,
    guess,
    idempotency::Answers,
    look::{Claim, ROUTES_SQL, RawNumber, Seen, given_out},
    new_bindings::{NewBinding, insert_bindings},
    pairs::Pairs,
    routes::{NewRoute, claim_routes, give_back, prepare_claim, put_routes, routes_of},
    rows::{account_column, number_column},
    select::Pick,
    worker::Job,
    write::{LoadChanges, tell},
};
use crate::model::Topic;

/// A pick that holds.
struct Claimed {
    job: usize,
    new: NewBinding,
    /// Its routes are written already.
    has_routes: bool,
}

/// Claims what was picked, as far as it still can be had under the locks of the numbers. The
/// others stay without an answer.
pub(super) async fn claim(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    jobs: &mut [Job],
    picks: &[Pick],
    live: u64,
) -> Result<Vec<(usize, NewBinding)>, Fault> {
    let mut locked = lock(core, transaction, account, now, jobs, picks).await?;
    let mut claimed: Vec<Claimed> = Vec::with_capacity(picks.len());
    let mut sub_ids = HashSet::with_capacity(picks.len());
    let (mut guesses, mut failed) = (0, 0);
    for pick in picks {
        let job = &mut jobs[pick.job];
        let room = job
            .command
            .live_bindings_max
            .is_none_or(|max| live + (claimed.len() as u64) < max);
        let wanted = &job.wanted;
        let number = locked.seen.number(pick.x).copied();
        let claim = Claim {
            x: pick.x,
            shape: &wanted.shape,
            exclusive: wanted.exclusive,
            rules: &wanted.rules,
            replacing: None,
        };
        let holds =
            given_out(number.as_ref(), wanted.pool).and_then(|()| claim.check(&locked.seen, now));
        let guess_holds = !pick.guessed || guess::holds(pick, job, &locked.seen, &locked.last, now);
        let got_routes = !pick.unused || locked.claims.got(pick.job);
        guesses += usize::from(pick.guessed);
        failed += usize::from(pick.guessed && !(guess_holds && got_routes));
        let sub_id = SubId::new(now, pick.x, nonce_of(job));
        let stands = holds.is_ok() && guess_holds && got_routes && room;
        if pick.guessed && !got_routes {
            core.taken.suspect(pick.x, &wanted.shape, now);
        }
        if !stands || !sub_ids.insert(sub_id) {
            job.tries += 1;
            core.counters.claims_retried(u64::from(!pick.guessed));
            continue;
        }
        locked
            .seen
            .claim(pick.x, &wanted.shape, wanted.exclusive, sub_id);
        let city = number.and_then(|number| number.city);
        let binding = binding_of(job, pick.x, city, sub_id, now);
        let shape = wanted.shape.clone();
        claimed.push(Claimed {
            job: pick.job,
            new: NewBinding { binding, shape },
            has_routes: pick.unused,
        });
    }
    if guesses > 0 {
        core.first_look.learn(guesses, failed);
    }
    keep_keys(core, transaction, account, now, jobs, &mut claimed).await?;
    let lost = Lost::of(jobs, picks, &claimed, locked.claims);
    write(core, transaction, account, now, claimed, lost).await
}

/// What stands under the locks, without the picks, and which routes were claimed on the way.
struct Locked {
    seen: Seen,
    /// The number that each pair had last, by its job; of guesses only.
    last: HashMap<usize, PhoneNumber>,
    claims: EarlyClaims,
}

/// Locks the numbers of the picks and counts their bindings in, as if all were to succeed; claims
/// the routes that are thought to be unused, and reads how the others stand. The statements travel
/// together: each has a view of its own, taken when the one before is done, and the first has all
/// the locks.
async fn lock(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    jobs: &[Job],
    picks: &[Pick],
) -> Result<Locked, Fault> {
    let mut loads = LoadChanges::default();
    let mut routes = Vec::new();
    for pick in picks {
        let (wanted, terms) = (&jobs[pick.job].wanted, &jobs[pick.job].command.terms);
        loads.add(pick.x, &wanted.shape, terms.exclusive, terms.expires_at);
        if !pick.unused {
            routes.extend(wanted.shape.routes(pick.x));
        }
    }
    let guessed = picks.iter().filter(|pick| pick.guessed);
    let pairs = Pairs::of(guessed.map(|pick| (pick.job, &jobs[pick.job])));
    let mut claims = EarlyClaims::of(jobs, picks, now, core.options.remember_ms);
    let remembered = now.plus_ms(-core.options.remember_ms);
    // All are prepared before the first is sent: none may overtake the lock.
    let locks = LoadChanges::prepare_lock(transaction).await?;
    let look = transaction.prepare_cached(ROUTES_SQL).await?;
    let claim = prepare_claim(transaction).await?;
    let (last, numbers, rows, ()) = tokio::try_join!(
        biased;
        pairs.last_numbers(transaction, account, remembered),
        loads.run(&locks, transaction, account),
        look_at(transaction, &look, account, &routes),
        claims.make(transaction, &claim, account),
    )?;
    let mut seen = Seen::default();
    for row in &numbers {
        seen.note_number(RawNumber::read(row, 0)?.at(now));
    }
    seen.note_routes(&rows, now, core.options.remember_ms)?;
    let asked = picks.iter().map(|pick| (pick.x, &jobs[pick.job].wanted));
    let close = look_closer(transaction, account, &mut seen, asked, picks.len(), now).await?;
    for x in close {
        // What was read now includes what this batch has just added.
        for pick in picks.iter().filter(|pick| pick.x == x) {
            let wanted = &jobs[pick.job].wanted;
            seen.leave_out(x, Load::of(wanted.shape.mode(), wanted.exclusive));
        }
    }
    let last = last.into_iter().collect();
    Ok(Locked { seen, last, claims })
}

/// The routes of picks that are thought to be unused, claimed as their numbers are locked.
#[derive(Default)]
struct EarlyClaims {
    /// Routes with their jobs, by the moment after which nobody may have held them.
    wanted: BTreeMap<Timestamp, (Vec<usize>, Vec<NewRoute>)>,
    /// How many routes each job still has to get.
    missing: HashMap<usize, usize>,
    claimed: Vec<(usize, NewRoute)>,
}

impl EarlyClaims {
    fn of(jobs: &[Job], picks: &[Pick], now: Timestamp, remember_ms: i64) -> Self {
        let mut claims = Self::default();
        let mut asked = HashSet::new();
        for pick in picks.iter().filter(|pick| pick.unused) {
            let job = &jobs[pick.job];
            let shape = &job.wanted.shape;
            let keys = || shape.routes(pick.x).map(|route| (route.x, route.selector));
            // Of two that want the same, the second comes again in the next batch.
            if keys().any(|key| asked.contains(&key)) {
                continue;
            }
            asked.extend(keys());
            let sub_id = SubId::new(now, pick.x, nonce_of(job));
            let unused_since = guess::unused_since(&job.wanted.rules, now, remember_ms);
            let expires_at = job.command.terms.expires_at;
            let (owners, routes) = claims.wanted.entry(unused_since).or_default();
            for new in routes_of(sub_id, pick.x, shape, expires_at) {
                owners.push(pick.job);
                routes.push(new);
                *claims.missing.entry(pick.job).or_default() += 1;
            }
        }
        claims
    }

    async fn make(
        &mut self,
        transaction: &Transaction<'_>,
        statement: &Statement,
        account: AccountId,
    ) -> Result<(), Fault> {
        for (unused_since, (owners, routes)) in std::mem::take(&mut self.wanted) {
            let got = claim_routes(transaction, statement, account, &routes, unused_since).await?;
            let got: HashSet<(PhoneNumber, Selector)> = got.into_iter().collect();
            for (job, new) in owners.into_iter().zip(routes) {
                if got.contains(&(new.route.x, new.route.selector)) {
                    if let Some(missing) = self.missing.get_mut(&job) {
                        *missing = missing.saturating_sub(1);
                    }
                    self.claimed.push((job, new));
                }
            }
        }
        Ok(())
    }

    /// Whether the job's pick has all its routes.
    fn got(&self, job: usize) -> bool {
        self.missing.get(&job) == Some(&0)
    }
}

async fn look_at(
    transaction: &Transaction<'_>,
    statement: &Statement,
    account: AccountId,
    routes: &[Route],
) -> Result<Vec<Row>, Fault> {
    if routes.is_empty() {
        return Ok(Vec::new());
    }
    let xs: Vec<i64> = routes.iter().map(|route| number_column(route.x)).collect();
    let keys: Vec<[u8; 16]> = routes
        .iter()
        .map(|route| route.selector.to_bytes())
        .collect();
    let selectors: Vec<&[u8]> = keys.iter().map(<[u8; 16]>::as_slice).collect();
    let account = account_column(account);
    let values: [&(dyn ToSql + Sync); 3] = [&account, &xs, &selectors];
    Ok(transaction.query(statement, &values).await?)
}

/// What was done for picks that are not claimed after all, to be undone.
struct Lost {
    loads: LoadChanges,
    routes: Vec<NewRoute>,
}

impl Lost {
    fn of(jobs: &[Job], picks: &[Pick], claimed: &[Claimed], claims: EarlyClaims) -> Self {
        let claimed: HashSet<usize> = claimed.iter().map(|claimed| claimed.job).collect();
        let mut loads = LoadChanges::default();
        for pick in picks.iter().filter(|pick| !claimed.contains(&pick.job)) {
            let wanted = &jobs[pick.job].wanted;
            loads.subtract(pick.x, &wanted.shape, wanted.exclusive);
        }
        let early = claims.claimed.into_iter();
        let routes = early
            .filter(|(job, _)| !claimed.contains(job))
            .map(|(_, new)| new)
            .collect();
        Self { loads, routes }
    }
}

/// The unguessable part of a new id. Two ids that collide part ways at the next try.
fn nonce_of(job: &Job) -> u32 {
    job.command
        .nonce
        .wrapping_add(job.tries.wrapping_mul(0x9e37_79b1))
}

fn binding_of(
    job: &Job,
    x: PhoneNumber,
    x_city: Option<CityCode>,
    sub_id: SubId,
    now: Timestamp,
) -> Binding {
    Binding {
        sub_id,
        account: job.command.account,
        pool: job.command.pool,
        x,
        x_city,
        created_at: now,
        ended_at: None,
        terms: job.command.terms.clone(),
    }
}

/// Takes the idempotency keys; who finds theirs taken by a twin leaves the batch.
async fn keep_keys(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    jobs: &mut [Job],
    claimed: &mut Vec<Claimed>,
) -> Result<(), Fault> {
    let entries = claimed
        .iter()
        .filter_map(|claimed| Some((jobs[claimed.job].idempotency()?, &claimed.new.binding)))
        .collect();
    let taken = Answers { entries }
        .keep(core, transaction, account, now)
        .await?;
    claimed.retain(|claimed| {
        let job = &mut jobs[claimed.job];
        let lost = job.idempotency().is_some_and(|key| taken.contains(key));
        if lost {
            job.tries += 1;
        }
        !lost
    });
    Ok(())
}

/// Writes what was claimed, as far as it is not written yet.
async fn write(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    claimed: Vec<Claimed>,
    lost: Lost,
) -> Result<Vec<(usize, NewBinding)>, Fault> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let mut routes = Vec::new();
    let mut subjects = Vec::with_capacity(claimed.len());
    let (mut jobs, mut bindings) = (Vec::new(), Vec::new());
    for Claimed {
        job,
        new,
        has_routes,
    } in claimed
    {
        let (id, x, terms) = (new.binding.sub_id, new.binding.x, &new.binding.terms);
        if !has_routes {
            routes.extend(routes_of(id, x, &new.shape, terms.expires_at));
        }
        subjects.push(id.to_string());
        jobs.push(job);
        bindings.push(new);
    }
    // What one pick gives back may be what another one of this batch claims.
    give_back(transaction, account, &lost.routes).await?;
    tokio::try_join!(
        insert_bindings(transaction, account, &bindings, &core.keys),
        put_routes(transaction, account, &routes, now),
        lost.loads.write(transaction, account),
        tell(transaction, account, Topic::BindingBound, &subjects, now),
    )?;
    Ok(jobs.into_iter().zip(bindings).collect())
}
