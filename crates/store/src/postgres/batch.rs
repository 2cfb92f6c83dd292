//! One batch of binds of one account: look, choose, claim, commit, answer.

use axbridge_domain::{account::AccountId, phone::PhoneNumber, time::Timestamp};
use deadpool_postgres::{Object, Transaction};

use super::{
    claim::claim,
    core::Core,
    fault::Fault,
    guess::unused_from,
    idempotency::{Known, lock_known, look_up, open_answer},
    new_bindings::NewBinding,
    rows::{account_column, count_of, number_columns},
    select::select,
    worker::Job,
};
use crate::{
    error::{BindRefusal, StoreError},
    model::{Bound, Idempotency},
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
                job.answer(Err(error.clone()));
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

async fn round(
    core: &Core,
    client: &mut Object,
    account: AccountId,
    now: Timestamp,
    jobs: &mut [Job],
) -> Result<(), Fault> {
    replay(core, client, account, now, jobs).await?;
    let transaction = client.transaction().await?;
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
    let stands = match core.commit_for_good(transaction).await {
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
            let until = unused_from(&jobs[job].wanted.rules, new.binding.terms.expires_at, core);
            for route in new.shape.routes(new.binding.x) {
                core.taken.note((route.x, route.selector), now, until);
            }
            jobs[job].answer(Ok(Ok(Bound::New(new.binding))));
        }
    } else {
        for (job, _) in claimed {
            jobs[job].tries += 1;
        }
    }
    Ok(())
}

/// Answers those whose key is known, once the standbys know it too.
async fn replay(
    core: &Core,
    client: &mut Object,
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
    let known = look_up(core, &*client, account, &wanted, now).await?;
    let replayed: Vec<(usize, &Idempotency, Known)> = keyed
        .into_iter()
        .zip(&keys)
        .zip(known)
        .filter_map(|((job, key), known)| Some((job, key, known?)))
        .collect();
    if replayed.is_empty() {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    let known: Vec<&Idempotency> = replayed.iter().map(|(_, key, _)| *key).collect();
    lock_known(&transaction, account, &known).await?;
    let unknown = match core.commit_for_good(transaction).await {
        Ok(()) => None,
        Err(Fault::Unknown(text)) => Some(text),
        Err(fault) => return Err(fault),
    };
    for (job, key, known) in replayed {
        jobs[job].answer(match (&unknown, known) {
            (Some(text), _) => Err(StoreError::Unavailable(text.clone())),
            (None, Known::Other) => Ok(Err(BindRefusal::IdempotencyMismatch)),
            (None, Known::Answered(sealed)) => open_answer(&core.keys, account, key, &sealed)
                .map(|binding| Ok(Bound::Replayed(binding))),
        });
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
            core.commit_for_good(transaction).await?;
            Ok::<bool, Fault>(row.is_some())
        };
        match looked.await {
            Ok(stands) => return Ok(stands),
            Err(fault) => tries.after(fault).await?,
        }
    }
}
