//! Calls as they are written down: one row a call, changed by its steps, dropped by the month.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId, call::CallId, limits, month::Month, phone::PhoneNumber, time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter, types::Value};

use super::{
    SqliteStore,
    call_rows::{self, CALL_COLUMNS, CallRow},
    fault::{Fault, engine},
    listing::{Conditions, page_columns},
    rows::{account_column, account_from, number_column},
    state::Change,
    writer::Batch,
};
use crate::{
    call_key::{CallKey, CallKeys, CallNumbers, destroyed},
    error::StoreError,
    keyring::Keyring,
    model::{CallEnd, CallFilter, CallRecord, NewCall, Page, Paged, Purged, Topic},
};

/// Rows dropped in one transaction: others wait meanwhile.
const PURGED_AT_ONCE: i64 = 500;

impl SqliteStore {
    pub(crate) async fn begin_call(&self, call: NewCall, now: Timestamp) -> Result<(), StoreError> {
        self.write(now, move |batch| begin(batch, &call)).await
    }

    pub(crate) async fn call_ringing(
        &self,
        call: CallId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const RINGS: &str = "UPDATE call SET ringing_at = max(?2, begun_at) WHERE id = ?1 \
             AND ended_at IS NULL AND answered_at IS NULL AND ringing_at IS NULL \
             RETURNING account, ringing_at";
        self.write(now, move |batch| {
            step(batch, call, RINGS, &[Topic::CallRinging])
        })
        .await
    }

    pub(crate) async fn call_answered(
        &self,
        call: CallId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const ANSWERED: &str = "UPDATE call SET answered_at = max(?2, begun_at, coalesce(ringing_at, begun_at)) \
             WHERE id = ?1 AND ended_at IS NULL AND answered_at IS NULL \
             RETURNING account, answered_at";
        self.write(now, move |batch| {
            step(batch, call, ANSWERED, &[Topic::CallAnswered])
        })
        .await
    }

    pub(crate) async fn end_call(
        &self,
        call: CallId,
        end: CallEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(now, move |batch| {
            const ENDED: &str =
                "UPDATE call SET ended_at = max(?2, coalesce(answered_at, ringing_at, begun_at)) \
                 WHERE id = ?1 AND ended_at IS NULL RETURNING account, ended_at";
            let topics = [Topic::CallEnded, Topic::CallRecord];
            let ended = step(batch, call, ENDED, &topics)?;
            if ended {
                let sealed = match &end.verification {
                    Some(verification) => {
                        let key = key_of_call(batch, call)?;
                        Some(key.seal_verification(call, verification)?)
                    }
                    None => None,
                };
                call_rows::write_end(batch.connection, call, &end, sealed.as_deref())?;
            }
            Ok(ended)
        })
        .await
    }

    pub(crate) async fn calls_by_ids(
        &self,
        account: Option<AccountId>,
        ids: &[CallId],
    ) -> Result<Vec<CallRecord>, StoreError> {
        let mut conditions = Conditions::default();
        let marks = vec!["?"; ids.len()].join(", ");
        let ids = ids.iter().map(|id| Value::from(id.to_string()));
        conditions.add(&format!("c.id IN ({marks})"), ids);
        conditions.equal("c.account", account.map(account_column));
        self.read_calls(conditions, "").await
    }

    pub(crate) async fn open_calls(
        &self,
        node: Option<&str>,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<CallRecord>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.add(
            "c.ended_at IS NULL AND c.begun_at < ?",
            [Value::from(before.unix_ms())],
        );
        conditions.equal("c.node", node.map(str::to_owned));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rest = format!("ORDER BY c.begun_at, c.no LIMIT {limit}");
        self.read_calls(conditions, &rest).await
    }

    pub(crate) async fn list_calls(
        &self,
        filter: &CallFilter,
        page: Page,
    ) -> Result<Paged<CallRecord>, StoreError> {
        let keys = self.glance(|state| state.call_keys.clone())?;
        let conditions = conditions_of(&keys, filter);
        let ring = Arc::clone(&self.inner.shared.keys);
        // Rows lie in the order of arrival; an index serves what an account or a binding narrows.
        let order = match (filter.account, filter.sub_id) {
            (None, None) => "c.no DESC",
            _ => "c.begun_at DESC, c.no DESC",
        };
        self.read(move |connection| {
            let counted = format!(
                "(SELECT 1 FROM call c {} LIMIT {})",
                conditions.sql(),
                limits::CALLS_COUNTED_MAX
            );
            let total = count(connection, &counted, &conditions.values)?;
            let sql = format!(
                "SELECT {CALL_COLUMNS} FROM call c {} ORDER BY {order} LIMIT ? OFFSET ?",
                conditions.sql()
            );
            let values = conditions.values.into_iter().chain(page_columns(page));
            let rows = read(connection, &ring, &keys, &sql, values.collect())?;
            Ok(Paged { rows, total })
        })
        .await
    }

    pub(crate) async fn purge_calls(&self, before: Timestamp) -> Result<Purged, StoreError> {
        self.write_alone(Timestamp::MIN, move |batch| purge(batch, before))
            .await
    }

    async fn read_calls(
        &self,
        conditions: Conditions,
        rest: &str,
    ) -> Result<Vec<CallRecord>, StoreError> {
        let keys = self.glance(|state| state.call_keys.clone())?;
        let ring = Arc::clone(&self.inner.shared.keys);
        let sql = format!(
            "SELECT {CALL_COLUMNS} FROM call c {} {rest}",
            conditions.sql()
        );
        self.read(move |connection| read(connection, &ring, &keys, &sql, conditions.values))
            .await
    }
}

/// All keys, once, at start.
pub(super) fn read_call_keys(
    connection: &Connection,
    keys: &Keyring,
) -> Result<CallKeys, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection
        .prepare("SELECT month, sealed FROM call_key")
        .map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut found = CallKeys::default();
    while let Some(row) = rows.next().map_err(fault)? {
        let month = call_rows::month_from(row.get(0).map_err(fault)?)?;
        let sealed: Vec<u8> = row.get(1).map_err(fault)?;
        found.insert(Arc::new(CallKey::open(keys, month, &sealed)?));
    }
    Ok(found)
}

/// The key of a month as it is kept, if it is.
fn kept_key(
    connection: &Connection,
    keys: &Keyring,
    month: Month,
) -> Result<Option<Arc<CallKey>>, StoreError> {
    const SELECT: &str = "SELECT sealed FROM call_key WHERE month = ?1";
    let sealed: Option<Vec<u8>> = connection
        .prepare_cached(SELECT)
        .and_then(|mut statement| {
            statement
                .query_row([month.number()], |row| row.get(0))
                .optional()
        })
        .map_err(|error| engine(&error))?;
    let open = |sealed: Vec<u8>| CallKey::open(keys, month, &sealed).map(Arc::new);
    sealed.map(open).transpose()
}

/// The key of a month, made if there is none yet.
fn key_of(batch: &mut Batch<'_>, month: Month) -> Result<Arc<CallKey>, Fault> {
    if let Some(key) = batch.state.call_keys.get(month) {
        return Ok(key);
    }
    if let Some(key) = kept_key(batch.connection, batch.keys, month)? {
        return Ok(key);
    }
    let (key, sealed) = CallKey::fresh(batch.keys, month)?;
    let key = Arc::new(key);
    batch
        .connection
        .prepare_cached("INSERT INTO call_key (month, sealed) VALUES (?1, ?2)")?
        .execute(params![month.number(), sealed])?;
    batch.after_commit(Change::CallKeyMade(Arc::clone(&key)));
    Ok(key)
}

/// The key that the row of a call is sealed with.
fn key_of_call(batch: &Batch<'_>, call: CallId) -> Result<Arc<CallKey>, Fault> {
    let month: u32 = batch
        .connection
        .prepare_cached("SELECT month FROM call WHERE id = ?1")?
        .query_row([call.to_string()], |row| row.get(0))?;
    let month = call_rows::month_from(month)?;
    if let Some(key) = batch.state.call_keys.get(month) {
        return Ok(key);
    }
    let kept = kept_key(batch.connection, batch.keys, month)?;
    Ok(kept.ok_or_else(|| destroyed(month))?)
}

fn begin(batch: &mut Batch<'_>, call: &NewCall) -> Result<(), Fault> {
    let now = batch.now();
    let placed = batch.state.pool_of(call.x);
    let placed = placed.filter(|(_, pool)| pool.account == call.account);
    let Some((slot, pool)) = placed else {
        let what = format!("X of call {} is no number of its account", call.id);
        return Err(StoreError::Internal(what).into());
    };
    let (city, kind, pool) = (slot.city, pool.kind, pool.pool_no);
    let numbers = CallNumbers::of(call);
    let key = key_of(batch, Month::of(now))?;
    let sealed = key.seal(call.id, numbers)?;
    let user_data = call.binding.as_ref().and_then(|it| it.user_data.as_ref());
    let sealed_user_data = user_data.map(|text| key.seal_user_data(call.id, text));
    let row = CallRow {
        call,
        pool,
        kind,
        city,
        month: key.month,
        sealed,
        sealed_user_data: sealed_user_data.transpose()?,
        begun_at: now,
    };
    if !row.insert(batch.connection)? {
        return Ok(());
    }
    let no = batch.connection.last_insert_rowid();
    for tag in key.tags(numbers) {
        batch
            .connection
            .prepare_cached("INSERT INTO call_party (month, tag, no) VALUES (?1, ?2, ?3)")?
            .execute(params![key.month.number(), tag, no])?;
    }
    batch.event(call.account, Topic::CallStarted, &call.id.to_string())
}

/// Runs an update that answers the account and the moment, and tells of it.
fn step(batch: &Batch<'_>, call: CallId, update: &str, topics: &[Topic]) -> Result<bool, Fault> {
    let id = call.to_string();
    let hit: Option<(i64, i64)> = batch
        .connection
        .prepare_cached(update)?
        .query_row(params![id, batch.now().unix_ms()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((account, at)) = hit else {
        return Ok(false);
    };
    for topic in topics {
        let at = Timestamp::from_unix_ms(at);
        batch.event_at(account_from(account)?, *topic, &id, at)?;
    }
    Ok(true)
}

fn conditions_of(keys: &CallKeys, filter: &CallFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.equal("c.account", filter.account.map(account_column));
    conditions.equal("c.sub_id", filter.sub_id.map(|sub_id| sub_id.to_string()));
    conditions.equal("c.x", filter.x.map(number_column));
    if let Some(from) = filter.from {
        conditions.add("c.begun_at >= ?", [Value::from(from.unix_ms())]);
    }
    if let Some(until) = filter.until {
        conditions.add("c.begun_at < ?", [Value::from(until.unix_ms())]);
    }
    let result = filter.result.map(|result| i64::from(result.code()));
    conditions.equal("c.result", result);
    conditions.equal("c.node", filter.node.clone());
    if let Some(party) = filter.party {
        add_party(&mut conditions, keys, filter, party);
    }
    conditions
}

/// A number has another tag in each month.
fn add_party(
    conditions: &mut Conditions,
    keys: &CallKeys,
    filter: &CallFilter,
    party: PhoneNumber,
) {
    let from = filter.from.map(Month::of);
    let until = filter.until.map(Month::of);
    let mut terms = vec!["0"];
    let mut values = Vec::new();
    for key in keys.all() {
        let is_outside = from.is_some_and(|from| key.month < from)
            || until.is_some_and(|until| key.month > until);
        if !is_outside {
            terms.push("(month = ? AND tag = ?)");
            values.push(Value::from(i64::from(key.month.number())));
            values.push(Value::from(key.tag(party).to_vec()));
        }
    }
    let any = terms.join(" OR ");
    let condition = format!("c.no IN (SELECT no FROM call_party WHERE {any})");
    conditions.add(&condition, values);
}

fn count(connection: &Connection, counted: &str, values: &[Value]) -> Result<u64, StoreError> {
    let sql = format!("SELECT count(*) FROM {counted}");
    let count: i64 = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row(params_from_iter(values), |row| row.get(0)))
        .map_err(|error| engine(&error))?;
    Ok(count.cast_unsigned())
}

fn read(
    connection: &Connection,
    ring: &Keyring,
    keys: &CallKeys,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<CallRecord>, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        let month = call_rows::month_from(row.get(0).map_err(fault)?)?;
        let key = match keys.get(month) {
            Some(key) => key,
            None => kept_key(connection, ring, month)?.ok_or_else(|| destroyed(month))?,
        };
        found.push(call_rows::read(row, &key)?);
    }
    Ok(found)
}

/// One transaction's worth: calls, then keys of months that are gone, then what led to their calls.
fn purge(batch: &mut Batch<'_>, before: Timestamp) -> Result<Purged, Fault> {
    const CALLS: &str = "DELETE FROM call WHERE ended_at IS NOT NULL AND begun_at < ?1 \
         AND no IN (SELECT no FROM call ORDER BY no LIMIT ?2)";
    const ORPHANS: &str = "DELETE FROM call_party WHERE (month, tag, no) IN \
         (SELECT month, tag, no FROM call_party WHERE month < ?1 LIMIT ?2)";
    let connection = batch.connection;
    let calls = connection
        .prepare_cached(CALLS)?
        .execute([before.unix_ms(), PURGED_AT_ONCE])?;
    let keys = destroy_keys(batch, before)?;
    let oldest_kept: u32 = connection
        .prepare_cached("SELECT coalesce(min(month), 0) FROM call_key")?
        .query_row([], |row| row.get(0))?;
    let orphans = connection
        .prepare_cached(ORPHANS)?
        .execute(params![oldest_kept, PURGED_AT_ONCE])?;
    let more = [calls, orphans].contains(&usize::try_from(PURGED_AT_ONCE).unwrap_or(usize::MAX));
    Ok(Purged {
        rows: calls as u64,
        keys,
        more,
    })
}

/// Destroys the keys of the months that ended before `before` and have no call left. The bytes are
/// overwritten first: what is only deleted may stay in the file.
fn destroy_keys(batch: &mut Batch<'_>, before: Timestamp) -> Result<u64, Fault> {
    let mut destroyed = 0;
    let months: Vec<Month> = batch.state.call_keys.all().map(|key| key.month).collect();
    for month in months {
        if month.end() > before || has_calls(batch.connection, month)? {
            continue;
        }
        const BLANK: &str =
            "UPDATE call_key SET sealed = zeroblob(length(sealed)) WHERE month = ?1";
        for statement in [BLANK, "DELETE FROM call_key WHERE month = ?1"] {
            batch
                .connection
                .prepare_cached(statement)?
                .execute([month.number()])?;
        }
        batch.after_commit(Change::CallKeyDestroyed(month));
        destroyed += 1;
    }
    Ok(destroyed)
}

/// Whether a call of the month, or of an earlier one, is left: the oldest stand first.
fn has_calls(connection: &Connection, month: Month) -> Result<bool, Fault> {
    let oldest: Option<u32> = connection
        .prepare_cached("SELECT month FROM call ORDER BY no LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(oldest.is_some_and(|oldest| oldest <= month.number()))
}

/// When the latest call arrived.
pub(super) fn latest_call(connection: &Connection) -> Result<Timestamp, StoreError> {
    let latest: Option<i64> = connection
        .query_row(
            "SELECT begun_at FROM call ORDER BY no DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()
        .map_err(|error| engine(&error))?;
    Ok(latest.map_or(Timestamp::MIN, Timestamp::from_unix_ms))
}
