//! Numbers into pools, out of them, on and off.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use axbridge_domain::{
    account::AccountId,
    city::CityCode,
    inventory::NumberState,
    phone::{PhoneKind, PhoneNumber},
    pool::PoolNo,
    time::Timestamp,
};
use deadpool_postgres::Transaction;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    look::{LIVE_LOAD, NUMBER_COLUMNS, NumberSeen, lock_numbers, state_of},
    rows::{
        account_column, account_of, city_column, city_of, column, count_of, number_column,
        number_columns, number_of, pool_column, pool_of,
    },
    write::tell,
};
use crate::{
    error::{DeleteRefusal, ImportRefusal, StoreError},
    model::{Imported, NewNumber, Topic},
};

impl PostgresStore {
    pub(crate) async fn import_numbers(
        &self,
        pool: PoolNo,
        numbers: &[NewNumber],
        numbers_max: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Vec<Imported>>, StoreError> {
        let now = self.core.moment(now);
        until_done!(import(&self.core, pool, numbers, numbers_max, now))
    }

    pub(crate) async fn delete_numbers(
        &self,
        pool: PoolNo,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<Result<(), DeleteRefusal>>, StoreError> {
        let now = self.core.moment(now);
        until_done!(delete(&self.core, pool, numbers, now))
    }

    pub(crate) async fn set_number_states(
        &self,
        account: Option<AccountId>,
        numbers: &[PhoneNumber],
        state: NumberState,
        by_operator: bool,
        now: Timestamp,
    ) -> Result<Result<(), PhoneNumber>, StoreError> {
        if state == NumberState::Deregistered {
            let what = "numbers are deregistered by deleting them".to_owned();
            return Err(StoreError::Internal(what));
        }
        let now = self.core.moment(now);
        until_done!(set_states(
            &self.core,
            account,
            numbers,
            state,
            by_operator,
            now
        ))
    }
}

/// Locks the pool's row, so that its lists change one by one; answers whose it is.
async fn lock_pool(
    transaction: &Transaction<'_>,
    pool: PoolNo,
    with_account: bool,
) -> Result<Option<AccountId>, Fault> {
    let owner = transaction
        .query_opt(
            "SELECT account FROM pool_owner WHERE pool = $1",
            &[&pool_column(pool)],
        )
        .await?;
    let Some(owner) = owner else {
        return Ok(None);
    };
    let account: i64 = owner.try_get(0)?;
    if with_account {
        transaction
            .query(
                "SELECT account FROM account WHERE account = $1 FOR UPDATE",
                &[&account],
            )
            .await?;
    }
    transaction
        .query(
            "SELECT pool FROM pool WHERE account = $1 AND pool = $2 FOR UPDATE",
            &[&account, &pool_column(pool)],
        )
        .await?;
    Ok(Some(account_of(account)?))
}

/// Where a number is that somebody has already.
#[derive(Clone, Copy)]
struct Place {
    here: bool,
    state: NumberState,
    city: Option<CityCode>,
}

async fn import(
    core: &Core,
    pool: PoolNo,
    numbers: &[NewNumber],
    numbers_max: Option<u64>,
    now: Timestamp,
) -> Result<Option<Vec<Imported>>, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let Some(account) = lock_pool(&transaction, pool, numbers_max.is_some()).await? else {
        return Ok(None);
    };
    let xs: Vec<PhoneNumber> = numbers.iter().map(|new| new.x).collect();
    let mut places = places_of(&transaction, account, pool, &xs).await?;
    let fresh: Vec<PhoneNumber> = xs
        .iter()
        .copied()
        .filter(|x| !places.contains_key(x))
        .collect();
    for taken in own(&transaction, account, pool, &fresh).await? {
        places.insert(
            taken,
            Place {
                here: false,
                state: NumberState::Enabled,
                city: None,
            },
        );
    }
    let room = match numbers_max {
        None => u64::MAX,
        Some(max) => max.saturating_sub(count_numbers(&transaction, account).await?),
    };
    let (outcome, added) = sort_out(numbers, places, room);
    disown(&transaction, account, &fresh, &added).await?;
    put_into_lists(&transaction, account, pool, &added, now).await?;
    core.commit(transaction).await?;
    Ok(Some(outcome))
}

/// Decides on each number in turn; answers which are to be added, too.
fn sort_out(
    numbers: &[NewNumber],
    mut places: HashMap<PhoneNumber, Place>,
    mut room: u64,
) -> (Vec<Imported>, Vec<NewNumber>) {
    let mut added = Vec::new();
    let mut outcome = Vec::with_capacity(numbers.len());
    for new in numbers {
        outcome.push(match places.get(&new.x) {
            Some(Place { here: false, .. }) => Imported::Refused(ImportRefusal::InAnotherPool),
            Some(place) if place.state != NumberState::Deregistered => {
                if place.city == new.city {
                    Imported::Unchanged
                } else {
                    Imported::Refused(ImportRefusal::OtherCity)
                }
            }
            _ if room == 0 => Imported::Refused(ImportRefusal::Quota),
            _ => {
                room -= 1;
                added.push(*new);
                let place = Place {
                    here: true,
                    state: NumberState::Enabled,
                    city: new.city,
                };
                places.insert(new.x, place);
                Imported::Added
            }
        });
    }
    (outcome, added)
}

async fn places_of(
    transaction: &Transaction<'_>,
    account: AccountId,
    pool: PoolNo,
    numbers: &[PhoneNumber],
) -> Result<HashMap<PhoneNumber, Place>, Fault> {
    let rows = transaction
        .query(
            "SELECT o.x, o.account, o.pool, n.state, n.city FROM number_owner o
             LEFT JOIN number n ON n.account = o.account AND n.x = o.x
             WHERE o.x = ANY ($1)",
            &[&number_columns(numbers)],
        )
        .await?;
    let mut places = HashMap::new();
    for row in rows {
        let here = account_of(column(&row, "account")?)? == account
            && pool_of(column(&row, "pool")?)? == pool;
        let state: Option<i16> = column(&row, "state")?;
        let state = state.map_or(Ok(NumberState::Deregistered), state_of)?;
        let city = column::<Option<i16>>(&row, "city")?.and_then(city_of);
        places.insert(number_of(column(&row, "x")?)?, Place { here, state, city });
    }
    Ok(places)
}

/// Enters numbers into the directory; answers those that another pool entered meanwhile.
async fn own(
    transaction: &Transaction<'_>,
    account: AccountId,
    pool: PoolNo,
    fresh: &[PhoneNumber],
) -> Result<Vec<PhoneNumber>, Fault> {
    let rows = transaction
        .query(
            "INSERT INTO number_owner (x, account, pool)
             SELECT DISTINCT q.x, $1::int8, $2::int8 FROM unnest($3::int8[]) q (x) ORDER BY q.x
             ON CONFLICT (x) DO NOTHING RETURNING x",
            &[
                &account_column(account),
                &pool_column(pool),
                &number_columns(fresh),
            ],
        )
        .await?;
    let mut ours = HashSet::new();
    for row in rows {
        ours.insert(number_of(row.try_get(0)?)?);
    }
    Ok(fresh
        .iter()
        .copied()
        .filter(|x| !ours.contains(x))
        .collect())
}

/// Takes those out of the directory again that were not imported after all.
async fn disown(
    transaction: &Transaction<'_>,
    account: AccountId,
    fresh: &[PhoneNumber],
    added: &[NewNumber],
) -> Result<(), Fault> {
    let added: HashSet<PhoneNumber> = added.iter().map(|new| new.x).collect();
    let left: Vec<PhoneNumber> = fresh
        .iter()
        .copied()
        .filter(|x| !added.contains(x))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    transaction
        .execute(
            "DELETE FROM number_owner o WHERE o.x = ANY ($2) AND o.account = $1 AND NOT EXISTS
                 (SELECT 1 FROM number n WHERE n.account = o.account AND n.x = o.x)",
            &[&account_column(account), &number_columns(&left)],
        )
        .await?;
    Ok(())
}

async fn count_numbers(transaction: &Transaction<'_>, account: AccountId) -> Result<u64, Fault> {
    let row = transaction
        .query_one(
            "SELECT count(*) FROM number WHERE account = $1 AND state <> 4",
            &[&account_column(account)],
        )
        .await?;
    Ok(count_of(row.try_get(0)?))
}

/// Appends numbers to the lists of their pool and city.
async fn put_into_lists(
    transaction: &Transaction<'_>,
    account: AccountId,
    pool: PoolNo,
    added: &[NewNumber],
    now: Timestamp,
) -> Result<(), Fault> {
    if added.is_empty() {
        return Ok(());
    }
    let mut next = lengthen(transaction, account, pool, &counts_of(added)).await?;
    let mut place = |city: i16| {
        let next = next.entry(city).or_default();
        *next += 1;
        *next - 1
    };
    let pool_ords: Vec<i64> = added.iter().map(|_| place(0)).collect();
    let city_ords: Vec<i64> = added
        .iter()
        .map(|new| new.city.map_or(-1, |city| place(city_column(Some(city)))))
        .collect();
    let xs: Vec<i64> = added.iter().map(|new| number_column(new.x)).collect();
    let cities: Vec<i16> = added.iter().map(|new| city_column(new.city)).collect();
    let landlines: Vec<bool> = added
        .iter()
        .map(|new| new.x.kind() == PhoneKind::Landline)
        .collect();
    let (account, pool) = (account_column(account), pool_column(pool));
    transaction
        .execute(
            "INSERT INTO number (account, x, pool, city, landline, state, imported_at, pool_ord,
                 city_ord, ax, axb, ax_exclusive, axb_exclusive, settle_at)
             SELECT $1, q.x, $2, q.city, q.landline, 1, $3, q.pool_ord, q.city_ord, 0, 0, 0, 0,
                 9223372036854775807
             FROM unnest($4::int8[], $5::int2[], $6::bool[], $7::int8[], $8::int8[])
                 q (x, city, landline, pool_ord, city_ord)
             ON CONFLICT (account, x) DO UPDATE SET city = excluded.city, state = 1,
                 imported_at = excluded.imported_at, pool_ord = excluded.pool_ord,
                 city_ord = excluded.city_ord",
            &[
                &account,
                &pool,
                &now.unix_ms(),
                &xs,
                &cities,
                &landlines,
                &pool_ords,
                &city_ords,
            ],
        )
        .await?;
    transaction
        .execute(
            "INSERT INTO number_place (account, pool, city, ord, x)
             SELECT $1::int8, $2::int8, 0, q.pool_ord, q.x
             FROM unnest($3::int8[], $5::int8[]) q (x, pool_ord)
             UNION ALL
             SELECT $1, $2, q.city, q.city_ord, q.x
             FROM unnest($3::int8[], $4::int2[], $6::int8[]) q (x, city, city_ord)
             WHERE q.city <> 0",
            &[&account, &pool, &xs, &cities, &pool_ords, &city_ords],
        )
        .await?;
    Ok(())
}

/// How many of these numbers go into which list.
fn counts_of(added: &[NewNumber]) -> BTreeMap<i16, i64> {
    let mut counts: BTreeMap<i16, i64> = BTreeMap::new();
    for new in added {
        *counts.entry(0).or_default() += 1;
        if new.city.is_some() {
            *counts.entry(city_column(new.city)).or_default() += 1;
        }
    }
    counts
}

/// Makes room at the ends of lists; answers where each room begins.
async fn lengthen(
    transaction: &Transaction<'_>,
    account: AccountId,
    pool: PoolNo,
    counts: &BTreeMap<i16, i64>,
) -> Result<BTreeMap<i16, i64>, Fault> {
    let cities: Vec<i16> = counts.keys().copied().collect();
    let lengths: Vec<i64> = counts.values().copied().collect();
    let rows = transaction
        .query(
            "INSERT INTO number_list (account, pool, city, length)
             SELECT $1, $2, q.city, q.length FROM unnest($3::int2[], $4::int8[]) q (city, length)
             ON CONFLICT (account, pool, city) DO UPDATE
                 SET length = number_list.length + excluded.length
             RETURNING city, length",
            &[
                &account_column(account),
                &pool_column(pool),
                &cities,
                &lengths,
            ],
        )
        .await?;
    let mut starts = BTreeMap::new();
    for row in rows {
        let city: i16 = column(&row, "city")?;
        let length: i64 = column(&row, "length")?;
        starts.insert(city, length - counts.get(&city).copied().unwrap_or(0));
    }
    Ok(starts)
}

async fn delete(
    core: &Core,
    pool: PoolNo,
    numbers: &[PhoneNumber],
    now: Timestamp,
) -> Result<Vec<Result<(), DeleteRefusal>>, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let Some(account) = lock_pool(&transaction, pool, false).await? else {
        return Ok(vec![Err(DeleteRefusal::NotInPool); numbers.len()]);
    };
    lock_numbers(&transaction, account, numbers).await?;
    let rows = transaction
        .query(
            &format!(
                "SELECT {NUMBER_COLUMNS} FROM number n {LIVE_LOAD}
                 WHERE n.account = $1 AND n.x = ANY ($3)"
            ),
            &[
                &account_column(account),
                &now.unix_ms(),
                &number_columns(numbers),
            ],
        )
        .await?;
    let mut found = HashMap::new();
    for row in &rows {
        let number = NumberSeen::read(row)?;
        if number.pool == pool && number.state != NumberState::Deregistered {
            found.insert(number.x, number);
        }
    }
    let mut gone = Vec::new();
    let mut outcome = Vec::with_capacity(numbers.len());
    for x in numbers {
        outcome.push(match found.get(x) {
            None => Err(DeleteRefusal::NotInPool),
            Some(number) if number.load.live() > 0 => Err(DeleteRefusal::CarriesBindings),
            Some(_) => {
                found.remove(x);
                gone.push(*x);
                Ok(())
            }
        });
    }
    deregister(&transaction, account, pool, &gone, now).await?;
    core.commit(transaction).await?;
    Ok(outcome)
}

async fn deregister(
    transaction: &Transaction<'_>,
    account: AccountId,
    pool: PoolNo,
    gone: &[PhoneNumber],
    now: Timestamp,
) -> Result<(), Fault> {
    let xs = number_columns(gone);
    transaction
        .execute(
            "DELETE FROM number_place p USING number n
             WHERE n.account = $1 AND n.x = ANY ($3) AND p.account = $1 AND p.pool = $2
               AND ((p.city = 0 AND p.ord = n.pool_ord)
                    OR (n.city <> 0 AND p.city = n.city AND p.ord = n.city_ord))",
            &[&account_column(account), &pool_column(pool), &xs],
        )
        .await?;
    transaction
        .execute(
            "UPDATE number SET state = 4 WHERE account = $1 AND x = ANY ($2)",
            &[&account_column(account), &xs],
        )
        .await?;
    tell_of(transaction, account, Topic::NumberDeregistered, gone, now).await
}

/// Notes events about numbers, whose digits as X are in clear.
async fn tell_of(
    transaction: &Transaction<'_>,
    account: AccountId,
    topic: Topic,
    numbers: &[PhoneNumber],
    now: Timestamp,
) -> Result<(), Fault> {
    // The packed form is 1 and the digits.
    let subjects: Vec<String> = numbers
        .iter()
        .map(|x| x.to_bits().to_string().split_off(1))
        .collect();
    tell(transaction, account, topic, &subjects, now).await
}

async fn set_states(
    core: &Core,
    account: Option<AccountId>,
    numbers: &[PhoneNumber],
    state: NumberState,
    by_operator: bool,
    now: Timestamp,
) -> Result<Result<(), PhoneNumber>, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let owners = owners_of(&transaction, account, numbers).await?;
    let states = lock_states(&transaction, &owners, numbers).await?;
    let may_change = |x: &PhoneNumber| match states.get(x) {
        None | Some(NumberState::Deregistered) => false,
        Some(NumberState::PlatformDisabled) => by_operator,
        Some(_) => true,
    };
    if let Some(x) = numbers.iter().find(|x| !may_change(x)) {
        return Ok(Err(*x));
    }
    let topic = if state == NumberState::Enabled {
        Topic::NumberEnabled
    } else {
        Topic::NumberDisabled
    };
    let code = i16::try_from(state.code()).unwrap_or(0);
    let mut told = HashSet::new();
    let changing: Vec<PhoneNumber> = numbers
        .iter()
        .copied()
        .filter(|x| states.get(x) != Some(&state) && told.insert(*x))
        .collect();
    for account in owners.values().copied().collect::<BTreeSet<_>>() {
        let own: Vec<PhoneNumber> = changing
            .iter()
            .copied()
            .filter(|x| owners.get(x) == Some(&account))
            .collect();
        transaction
            .execute(
                "UPDATE number SET state = $3 WHERE account = $1 AND x = ANY ($2)",
                &[&account_column(account), &number_columns(&own), &code],
            )
            .await?;
        tell_of(&transaction, account, topic, &own, now).await?;
    }
    core.commit(transaction).await?;
    Ok(Ok(()))
}

/// The accounts of numbers; those of other accounts than `only` are left out.
async fn owners_of(
    transaction: &Transaction<'_>,
    only: Option<AccountId>,
    numbers: &[PhoneNumber],
) -> Result<HashMap<PhoneNumber, AccountId>, Fault> {
    let rows = transaction
        .query(
            "SELECT x, account FROM number_owner
             WHERE x = ANY ($1) AND ($2::int8 IS NULL OR account = $2)",
            &[&number_columns(numbers), &only.map(account_column)],
        )
        .await?;
    let mut owners = HashMap::new();
    for row in rows {
        let x = number_of(column(&row, "x")?)?;
        owners.insert(x, account_of(column(&row, "account")?)?);
    }
    Ok(owners)
}

/// Locks numbers, account by account, and reads their states.
async fn lock_states(
    transaction: &Transaction<'_>,
    owners: &HashMap<PhoneNumber, AccountId>,
    numbers: &[PhoneNumber],
) -> Result<HashMap<PhoneNumber, NumberState>, Fault> {
    let mut states = HashMap::new();
    for account in owners.values().copied().collect::<BTreeSet<_>>() {
        lock_numbers(transaction, account, numbers).await?;
        let rows = transaction
            .query(
                "SELECT x, state FROM number WHERE account = $1 AND x = ANY ($2)",
                &[&account_column(account), &number_columns(numbers)],
            )
            .await?;
        for row in rows {
            let state = state_of(column(&row, "state")?)?;
            states.insert(number_of(column(&row, "x")?)?, state);
        }
    }
    Ok(states)
}
