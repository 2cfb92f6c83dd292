//! The numbers X of the pools: import, state, deregistration, listing.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    city::CityCode,
    inventory::{NumberSlot, NumberState},
    phone::{PhoneKind, PhoneNumber},
    pool::{Pool, PoolKind, PoolNo},
    route_table::Load,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter, types::Value};

use super::{
    SqliteStore,
    fault::{Fault, damaged, engine},
    listing::{Conditions, page_columns},
    rows::{account_column, city_from, number_column, number_from, pool_column, pool_from},
    state::Change,
    writer::Batch,
};
use crate::{
    error::{DeleteRefusal, ImportRefusal, StoreError},
    model::{Imported, NewNumber, NumberFilter, NumberRow, Page, Paged, Topic},
};

impl SqliteStore {
    pub(crate) async fn import_numbers(
        &self,
        pool: PoolNo,
        numbers: &[NewNumber],
        numbers_max: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Vec<Imported>>, StoreError> {
        let numbers = numbers.to_vec();
        self.write_alone(now, move |batch| {
            let Some(pool) = batch.state.pools.get(&pool).cloned() else {
                return Ok(None);
            };
            let room = room_for(batch, pool.account, numbers_max)?;
            let mut import = Import { pool, room };
            let each = numbers.iter().map(|number| import.one(batch, *number));
            each.collect::<Result<Vec<_>, _>>().map(Some)
        })
        .await
    }

    pub(crate) async fn delete_numbers(
        &self,
        pool: PoolNo,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<Result<(), DeleteRefusal>>, StoreError> {
        let numbers = numbers.to_vec();
        self.write_alone(now, move |batch| delete(batch, pool, &numbers))
            .await
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
        let numbers = numbers.to_vec();
        self.write_alone(now, move |batch| {
            set_states(batch, account, &numbers, state, by_operator)
        })
        .await
    }

    pub(crate) async fn list_numbers(
        &self,
        filter: &NumberFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        self.numbers_where(filter, None, page, now).await
    }

    pub(crate) async fn scroll_numbers(
        &self,
        filter: &NumberFilter,
        after: Option<PhoneNumber>,
        limit: u64,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        let page = Page { offset: 0, limit };
        self.numbers_where(filter, after, page, now).await
    }

    async fn numbers_where(
        &self,
        filter: &NumberFilter,
        after: Option<PhoneNumber>,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        let conditions = conditions_of(filter);
        // The loads are those of the table's moment: let it reach `now` first.
        self.live_bindings(now).await?;
        let mut found = self
            .read(move |connection| list(connection, conditions, after, page))
            .await?;
        self.look(|state| {
            for row in &mut found.rows {
                row.load = state.routes.load(row.x);
            }
        })
        .await?;
        Ok(found)
    }
}

/// How many more numbers the account may have.
fn room_for(batch: &Batch<'_>, account: AccountId, numbers_max: Option<u64>) -> Result<u64, Fault> {
    const COUNT: &str = "SELECT count(*) FROM number WHERE state <> ?1 AND pool IN \
         (SELECT pool_no FROM pool WHERE account = ?2)";
    let Some(most) = numbers_max else {
        return Ok(u64::MAX);
    };
    let held: i64 = batch.connection.prepare_cached(COUNT)?.query_row(
        params![NumberState::Deregistered.code(), account_column(account)],
        |row| row.get(0),
    )?;
    Ok(most.saturating_sub(held.cast_unsigned()))
}

/// A number's row as it stands.
struct Known {
    pool: i64,
    city: Option<i64>,
    state: i64,
}

impl Known {
    fn find(connection: &Connection, x: PhoneNumber) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached("SELECT pool, city, state FROM number WHERE x = ?1")?
            .query_row([number_column(x)], |row| {
                Ok(Self {
                    pool: row.get(0)?,
                    city: row.get(1)?,
                    state: row.get(2)?,
                })
            })
            .optional()
    }

    fn is_deregistered(&self) -> bool {
        self.state == NumberState::Deregistered.code()
    }
}

struct Import {
    pool: Arc<Pool>,
    room: u64,
}

impl Import {
    fn one(&mut self, batch: &mut Batch<'_>, number: NewNumber) -> Result<Imported, Fault> {
        let city = number.city.map(|city| i64::from(city.to_bits()));
        let known = Known::find(batch.connection, number.x)?;
        if let Some(known) = &known {
            if known.pool != pool_column(self.pool.pool_no) {
                return Ok(Imported::Refused(ImportRefusal::InAnotherPool));
            }
            if !known.is_deregistered() {
                return Ok(if known.city == city {
                    Imported::Unchanged
                } else {
                    Imported::Refused(ImportRefusal::OtherCity)
                });
            }
        }
        if self.room == 0 {
            return Ok(Imported::Refused(ImportRefusal::Quota));
        }
        self.room -= 1;
        self.add(batch, number, city)?;
        Ok(Imported::Added)
    }

    /// Puts the number at the end of the import order, where one that comes back goes too.
    fn add(
        &self,
        batch: &mut Batch<'_>,
        number: NewNumber,
        city: Option<i64>,
    ) -> Result<(), Fault> {
        const INSERT: &str = "INSERT OR REPLACE INTO number (place, x, pool, city, landline, state, \
             imported_at) SELECT coalesce(max(place), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6 FROM number";
        batch.connection.prepare_cached(INSERT)?.execute(params![
            number_column(number.x),
            pool_column(self.pool.pool_no),
            city,
            number.x.kind() == PhoneKind::Landline,
            NumberState::Enabled.code(),
            batch.now().unix_ms(),
        ])?;
        batch.after_commit(Change::NumberAdded(NumberSlot {
            x: number.x,
            pool: self.pool.pool_no,
            city: number.city,
            enabled: true,
        }));
        Ok(())
    }
}

fn delete(
    batch: &mut Batch<'_>,
    pool: PoolNo,
    numbers: &[PhoneNumber],
) -> Result<Vec<Result<(), DeleteRefusal>>, Fault> {
    let mut removed = Vec::new();
    let mut answers = Vec::with_capacity(numbers.len());
    for x in numbers {
        let known = Known::find(batch.connection, *x)?;
        let here =
            known.is_some_and(|known| known.pool == pool_column(pool) && !known.is_deregistered());
        answers.push(if !here {
            Err(DeleteRefusal::NotInPool)
        } else if batch.draft.load(*x).live() > 0 {
            Err(DeleteRefusal::CarriesBindings)
        } else {
            write_state(batch, *x, NumberState::Deregistered)?;
            removed.push(*x);
            Ok(())
        });
    }
    if !removed.is_empty() {
        batch.after_commit(Change::NumbersRemoved(removed));
    }
    Ok(answers)
}

fn set_states(
    batch: &mut Batch<'_>,
    account: Option<AccountId>,
    numbers: &[PhoneNumber],
    state: NumberState,
    by_operator: bool,
) -> Result<Result<(), PhoneNumber>, Fault> {
    let mut changed = Vec::new();
    for x in numbers {
        let known = Known::find(batch.connection, *x)?;
        let owner = batch.state.pool_of(*x).map(|(_, pool)| pool.account);
        // The inventory lists no deregistered number.
        let (Some(known), Some(owner)) = (known, owner) else {
            return Ok(Err(*x));
        };
        let locked = known.state == NumberState::PlatformDisabled.code() && !by_operator;
        if locked || account.is_some_and(|account| account != owner) {
            return Ok(Err(*x));
        }
        if known.state != state.code() && !changed.contains(x) {
            changed.push(*x);
        }
    }
    for x in changed {
        write_state(batch, x, state)?;
        batch.after_commit(Change::NumberEnabled(x, state == NumberState::Enabled));
    }
    Ok(Ok(()))
}

/// Writes a number's new state and tells of it.
fn write_state(batch: &Batch<'_>, x: PhoneNumber, state: NumberState) -> Result<(), Fault> {
    batch
        .connection
        .prepare_cached("UPDATE number SET state = ?2 WHERE x = ?1")?
        .execute([number_column(x), state.code()])?;
    let topic = match state {
        NumberState::Enabled => Topic::NumberEnabled,
        NumberState::UserDisabled | NumberState::PlatformDisabled => Topic::NumberDisabled,
        NumberState::Deregistered => Topic::NumberDeregistered,
    };
    match batch.state.pool_of(x) {
        Some((_, pool)) => batch.event(pool.account, topic, &digits_of(x)),
        None => Ok(()),
    }
}

/// The digits of a privacy number: its integer form is 1 and the digits.
fn digits_of(x: PhoneNumber) -> String {
    x.to_bits().to_string().split_off(1)
}

fn conditions_of(filter: &NumberFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.equal("p.account", filter.account.map(account_column));
    conditions.equal("n.pool", filter.pool.map(pool_column));
    conditions.equal("p.kind", filter.kind.map(PoolKind::code));
    conditions.equal("n.city", filter.city.map(|city| i64::from(city.to_bits())));
    conditions.equal("n.landline", filter.landline.map(i64::from));
    match filter.state {
        Some(state) => conditions.equal("n.state", Some(state.code())),
        None => conditions.add(
            "n.state <> ?",
            [Value::from(NumberState::Deregistered.code())],
        ),
    }
    if !filter.numbers.is_empty() {
        let marks = vec!["?"; filter.numbers.len()].join(", ");
        let values = filter.numbers.iter().map(|x| number_column(*x).into());
        conditions.add(&format!("n.x IN ({marks})"), values);
    }
    conditions
}

fn list(
    connection: &Connection,
    mut conditions: Conditions,
    after: Option<PhoneNumber>,
    page: Page,
) -> Result<Paged<NumberRow>, StoreError> {
    const FROM: &str = "number n JOIN pool p ON p.pool_no = n.pool";
    let fault = |error: rusqlite::Error| engine(&error);
    let total = conditions.count(connection, FROM)?;
    if let Some(after) = after {
        conditions.add("n.x > ?", [Value::from(number_column(after))]);
    }
    let sql = format!(
        "SELECT n.x, n.city, n.state, n.pool, p.name, p.kind, n.imported_at FROM {FROM} {} \
         ORDER BY n.x LIMIT ? OFFSET ?",
        conditions.sql()
    );
    let mut statement = connection.prepare(&sql).map_err(fault)?;
    let values = conditions.values.into_iter().chain(page_columns(page));
    let mut rows = statement.query(params_from_iter(values)).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read_number(row)?);
    }
    Ok(Paged { rows: found, total })
}

fn read_number(row: &Row<'_>) -> Result<NumberRow, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let city: Option<CityCode> = city_from(row.get(1).map_err(fault)?)?;
    Ok(NumberRow {
        x: number_from(row.get(0).map_err(fault)?)?,
        city,
        state: NumberState::from_code(row.get(2).map_err(fault)?)
            .ok_or_else(|| damaged("a number's state"))?,
        pool: pool_from(row.get(3).map_err(fault)?)?,
        pool_name: row.get(4).map_err(fault)?,
        kind: PoolKind::from_code(row.get(5).map_err(fault)?)
            .ok_or_else(|| damaged("a pool's kind"))?,
        imported_at: Timestamp::from_unix_ms(row.get(6).map_err(fault)?),
        load: Load::default(),
    })
}
