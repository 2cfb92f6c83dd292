//! One batch of binds of one account: look, choose, claim, commit, answer.

use std::collections::{HashMap, HashSet};

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, SubId},
    city::CityCode,
    phone::PhoneNumber,
    route_table::Load,
    time::Timestamp,
};
use deadpool_postgres::{Object, Transaction};

use super::{
    core::Core,
    fault::{Fault, commit_fault},
    glance::{lock_and_look, look_closer},
    guess,
    idempotency::{Answers, Known, look_up, open_answer},
    look::{Claim, Seen, given_out},
    pairs::Pairs,
    rows::{account_column, count_of, number_columns},
    select::{Pick, select},
    worker::Job,
    write::{LoadChanges, NewBinding, insert_bindings, put_routes, routes_of, tell},
};
use crate::{
    error::{BindRefusal, StoreError},
    model::{Bound, Idempotency, Topic},
};

/// Works on `jobs` and gives back those that are to go into the next batch.
pub(super) async fn process(core: &Core, account: AccountId, mut jobs: Vec<Job>) -> Vec<Job> {
    let latest = jobs.iter().map(|job| job.now).max().unwrap_or_default();
    let now = core.moment(latest);
    let worked = match core.writers.get().await {
        Ok(mut client) => round(core, &mut client, account, now, &mut jobs).await,
        Err(error) => Err(error.into()),
    };
    if let Err(fault) = worked {
        after(fault, &mut jobs).await;
    }
    jobs.retain(|job| !job.is_answered());
    for job in &mut jobs {
        if job.tries > Job::TRIES_MAX {
            job.answer(Err(StoreError::Unavailable(
                "too many others bind the same numbers".to_owned(),
            )));
        }
    }
    jobs.retain(|job| !job.is_answered());
    jobs
}

/// A batch that failed did nothing: its jobs try again, or hear why not.
async fn after(fault: Fault, jobs: &mut [Job]) {
    let (text, weight) = match fault {
        Fault::Again(text) => (text, Job::TRIES_MAX / 16),
        Fault::Lost(text) => (text, Job::TRIES_MAX / 4),
        Fault::Unknown(text) => (text, Job::TRIES_MAX + 1),
        Fault::Store(error) => {
            for job in jobs {
                job.answer(Err(same(&error)));
            }
            return;
        }
    };
    tokio::time::sleep(std::time::Duration::from_millis(weight.into())).await;
    for job in jobs {
        job.tries += weight;
        if job.tries > Job::TRIES_MAX {
            job.answer(Err(StoreError::Unavailable(text.clone())));
        }
    }
}

fn same(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
        StoreError::Unreadable(text) => StoreError::Unreadable(text.clone()),
        StoreError::Internal(text) => StoreError::Internal(text.clone()),
    }
}

async fn round(
    core: &Core,
    client: &mut Object,
    account: AccountId,
    now: Timestamp,
    jobs: &mut [Job],
) -> Result<(), Fault> {
    let transaction = client.transaction().await?;
    replay(core, &transaction, account, now, jobs).await?;
    let live = live_for_quota(&transaction, account, now, jobs).await?;
    let picks = select(core, &transaction, account, now, jobs, live).await?;
    if picks.is_empty() {
        transaction.rollback().await?;
        return Ok(());
    }
    let claimed = claim(core, &transaction, account, now, jobs, &picks, live).await?;
    if claimed.is_empty() {
        transaction.rollback().await?;
        return Ok(());
    }
    let stands = match transaction.commit().await.map_err(commit_fault) {
        Ok(()) => true,
        Err(Fault::Unknown(text)) => {
            core.counters.commit_failed();
            settle(core, account, &claimed)
                .await
                .map_err(|_| Fault::Unknown(text))?
        }
        Err(fault) => {
            core.counters.commit_failed();
            return Err(fault);
        }
    };
    if stands {
        core.counters.committed(claimed.len() as u64);
        for (job, new) in claimed {
            jobs[job].answer(Ok(Ok(Bound::New(new.binding))));
        }
    } else {
        for (job, _) in claimed {
            jobs[job].tries += 1;
        }
    }
    Ok(())
}

/// Answers those whose key is known.
async fn replay(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    jobs: &mut [Job],
) -> Result<(), Fault> {
    let keyed: Vec<usize> = (0..jobs.len())
        .filter(|job| jobs[*job].idempotency().is_some())
        .collect();
    if keyed.is_empty() {
        return Ok(());
    }
    let keys: Vec<Idempotency> = keyed
        .iter()
        .filter_map(|job| jobs[*job].idempotency().cloned())
        .collect();
    let wanted: Vec<&Idempotency> = keys.iter().collect();
    let known = look_up(core, transaction, account, &wanted, now).await?;
    for ((job, key), known) in keyed.into_iter().zip(&keys).zip(known) {
        let answer = match known {
            None => continue,
            Some(Known::Other) => Ok(Err(BindRefusal::IdempotencyMismatch)),
            Some(Known::Answered(sealed)) => open_answer(&core.keys, account, key, &sealed)
                .map(|binding| Ok(Bound::Replayed(binding))),
        };
        jobs[job].answer(answer);
    }
    Ok(())
}

/// The account's live bindings, if a job has a quota to be held against. The account's row stays
/// locked then, so that the count stays true until the commit.
async fn live_for_quota(
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    jobs: &[Job],
) -> Result<u64, Fault> {
    let limited = jobs
        .iter()
        .any(|job| !job.is_answered() && job.command.live_bindings_max.is_some());
    if !limited {
        return Ok(0);
    }
    let account = account_column(account);
    let lock = transaction
        .prepare_cached("SELECT account FROM account WHERE account = $1 FOR UPDATE")
        .await?;
    transaction.query(&lock, &[&account]).await?;
    let count = transaction
        .prepare_cached(
            "SELECT (SELECT coalesce(sum(ax + axb), 0) FROM number WHERE account = $1)::int8
                 - (SELECT count(*) FROM number n JOIN binding d
                        ON d.account = n.account AND d.x = n.x AND d.counted AND d.expires_at <= $2
                    WHERE n.account = $1 AND n.settle_at <= $2) AS live",
        )
        .await?;
    let row = transaction
        .query_one(&count, &[&account, &now.unix_ms()])
        .await?;
    Ok(count_of(row.try_get(0)?))
}

/// Claims what was picked, as far as it still can be had under the locks of the numbers. The
/// others stay without an answer.
async fn claim(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    jobs: &mut [Job],
    picks: &[Pick],
    live: u64,
) -> Result<Vec<(usize, NewBinding)>, Fault> {
    let (mut seen, last) = lock(core, transaction, account, now, jobs, picks).await?;
    let mut claimed: Vec<(usize, NewBinding)> = Vec::with_capacity(picks.len());
    let mut sub_ids = HashSet::with_capacity(picks.len());
    let (mut guesses, mut failed) = (0, 0);
    for pick in picks {
        let job = &mut jobs[pick.job];
        let room = job
            .command
            .live_bindings_max
            .is_none_or(|max| live + (claimed.len() as u64) < max);
        let wanted = &job.wanted;
        let number = seen.number(pick.x).copied();
        let claim = Claim {
            x: pick.x,
            shape: &wanted.shape,
            exclusive: wanted.exclusive,
            rules: &wanted.rules,
            replacing: None,
        };
        let holds = given_out(number.as_ref(), wanted.pool).and_then(|()| claim.check(&seen, now));
        let guess_holds = !pick.guessed || guess::holds(pick, job, &seen, &last, now);
        guesses += usize::from(pick.guessed);
        failed += usize::from(!guess_holds);
        let sub_id = SubId::new(now, pick.x, nonce_of(job));
        if holds.is_err() || !guess_holds || !room || !sub_ids.insert(sub_id) {
            job.tries += 1;
            core.counters.claims_retried(u64::from(!pick.guessed));
            continue;
        }
        seen.claim(pick.x, &wanted.shape, wanted.exclusive, sub_id);
        let city = number.and_then(|number| number.city);
        let binding = binding_of(job, pick.x, city, sub_id, now);
        let shape = wanted.shape.clone();
        claimed.push((pick.job, NewBinding { binding, shape }));
    }
    if guesses > 0 {
        core.first_look.learn(guesses, failed);
    }
    keep_keys(core, transaction, account, now, jobs, &mut claimed).await?;
    let lost = uncounted(jobs, picks, &claimed);
    write(core, transaction, account, now, claimed, lost).await
}

/// Locks the numbers of the picks and counts their bindings in, as if all were to succeed. Answers
/// how numbers and routes stand without them, and for the guesses the number that each pair had
/// last.
async fn lock(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    jobs: &[Job],
    picks: &[Pick],
) -> Result<(Seen, HashMap<usize, PhoneNumber>), Fault> {
    let mut routes = Vec::with_capacity(picks.len() * 2);
    let mut loads = LoadChanges::default();
    for pick in picks {
        let (wanted, terms) = (&jobs[pick.job].wanted, &jobs[pick.job].command.terms);
        routes.extend(wanted.shape.routes(pick.x));
        loads.add(pick.x, &wanted.shape, terms.exclusive, terms.expires_at);
    }
    let guesses = picks.iter().filter(|pick| pick.guessed);
    let pairs = Pairs::of(guesses.map(|pick| (pick.job, &jobs[pick.job])));
    let remembered = now.plus_ms(-core.options.remember_ms);
    let mut seen = Seen::default();
    let wanted = (&loads, routes.as_slice());
    let (last, ()) = tokio::try_join!(
        pairs.last_numbers(transaction, account, remembered),
        lock_and_look(transaction, account, &mut seen, wanted, now, &core.options),
    )?;
    let asked = picks.iter().map(|pick| (pick.x, &jobs[pick.job].wanted));
    let close = look_closer(transaction, account, &mut seen, asked, picks.len(), now).await?;
    for x in close {
        // What was read now includes what this batch has just added.
        for pick in picks.iter().filter(|pick| pick.x == x) {
            let wanted = &jobs[pick.job].wanted;
            seen.leave_out(x, Load::of(wanted.shape.mode(), wanted.exclusive));
        }
    }
    Ok((seen, last.into_iter().collect()))
}

/// What was counted in for picks that were not claimed, to be counted out again.
fn uncounted(jobs: &[Job], picks: &[Pick], claimed: &[(usize, NewBinding)]) -> LoadChanges {
    let claimed: HashSet<usize> = claimed.iter().map(|(job, _)| *job).collect();
    let mut loads = LoadChanges::default();
    for pick in picks.iter().filter(|pick| !claimed.contains(&pick.job)) {
        let wanted = &jobs[pick.job].wanted;
        loads.subtract(pick.x, &wanted.shape, wanted.exclusive);
    }
    loads
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
    claimed: &mut Vec<(usize, NewBinding)>,
) -> Result<(), Fault> {
    let entries = claimed
        .iter()
        .filter_map(|(job, new)| Some((jobs[*job].idempotency()?, &new.binding)))
        .collect();
    let taken = Answers { entries }
        .keep(core, transaction, account, now)
        .await?;
    claimed.retain(|(job, _)| {
        let lost = jobs[*job]
            .idempotency()
            .is_some_and(|key| taken.contains(key));
        if lost {
            jobs[*job].tries += 1;
        }
        !lost
    });
    Ok(())
}

async fn write(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    claimed: Vec<(usize, NewBinding)>,
    lost: LoadChanges,
) -> Result<Vec<(usize, NewBinding)>, Fault> {
    if claimed.is_empty() {
        return Ok(claimed);
    }
    let (jobs, bindings): (Vec<usize>, Vec<NewBinding>) = claimed.into_iter().unzip();
    let mut routes = Vec::with_capacity(bindings.len() * 2);
    let mut subjects = Vec::with_capacity(bindings.len());
    for new in &bindings {
        let (id, x, terms) = (new.binding.sub_id, new.binding.x, &new.binding.terms);
        routes.extend(routes_of(id, x, &new.shape, terms.expires_at));
        subjects.push(id.to_string());
    }
    let (inserted, (), (), ()) = tokio::try_join!(
        insert_bindings(transaction, account, &bindings, &core.keys),
        put_routes(transaction, account, &routes, now),
        lost.write(transaction, account),
        tell(transaction, account, Topic::BindingBound, &subjects, now),
    )?;
    if !inserted {
        return Err(Fault::Again("a binding's id is taken".to_owned()));
    }
    Ok(jobs.into_iter().zip(bindings).collect())
}

/// Whether a transaction stands whose COMMIT was not answered. Taking the locks that it held
/// waits for a server that is still at it. The commit waits for synchronous standbys as the lost
/// one did: what a session that was terminated while it waited for them left behind can be seen,
/// but may be on this server alone.
async fn settle(
    core: &Core,
    account: AccountId,
    claimed: &[(usize, NewBinding)],
) -> Result<bool, Fault> {
    let numbers: Vec<PhoneNumber> = claimed.iter().map(|(_, new)| new.binding.x).collect();
    let Some((_, first)) = claimed.first() else {
        return Ok(false);
    };
    let mut tries = super::fault::Attempts::default();
    loop {
        let looked = async {
            let mut client = core.client().await?;
            let transaction = client.transaction().await?;
            transaction
                .query(
                    "SELECT x FROM number WHERE account = $1 AND x = ANY ($2) ORDER BY x FOR UPDATE",
                    &[&account_column(account), &number_columns(&numbers)],
                )
                .await?;
            let row = transaction
                .query_opt(
                    "SELECT x FROM binding WHERE account = $1 AND sub_id = $2",
                    &[&account_column(account), &first.binding.sub_id.to_string()],
                )
                .await?;
            transaction.commit().await?;
            Ok::<bool, Fault>(row.is_some())
        };
        match looked.await {
            Ok(stands) => return Ok(stands),
            Err(fault) => tries.after(fault).await?,
        }
    }
}
