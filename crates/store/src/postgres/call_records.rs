//! Calls as they are written down. Each step is one statement that changes the row and writes its
//! events, and that changes nothing when it is done twice: an unanswered commit is simply tried on.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId, call::CallId, limits, month::Month, phone::PhoneNumber, time::Timestamp,
};
use tokio_postgres::types::ToSql;

use super::{
    PostgresStore,
    call_keys::{self, RowKeys, all_keys},
    call_rows::{self, CALL_COLUMNS},
    core::{Core, until_done},
    fault::Fault,
    filter::Filter,
    rows::{account_column, count_column, count_of, number_column},
    text::{escaped, escaped_option},
};
use crate::{
    call_key::{CallKey, CallNumbers},
    error::StoreError,
    model::{CallEnd, CallFilter, CallRecord, NewCall, Page, Paged, Purged, Topic, Verification},
};

/// Calls of one account dropped in one transaction.
const PURGED_AT_ONCE: i64 = 2_000;

impl PostgresStore {
    pub(crate) async fn begin_call(&self, call: NewCall, now: Timestamp) -> Result<(), StoreError> {
        let now = self.core.moment(now);
        let key = until_done!(self.core.call_key_for(Month::of(now)))?;
        until_done!(begin(&self.core, &call, &key, now))
    }

    pub(crate) async fn call_ringing(
        &self,
        call: CallId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE call SET ringing_at = greatest($2, begun_at)
             WHERE id = $1 AND ended_at IS NULL AND answered_at IS NULL AND ringing_at IS NULL
             RETURNING account, ringing_at AS at";
        let now = self.core.moment(now);
        let topics = [Topic::CallRinging];
        until_done!(step(&self.core, call, update, &topics, now, &[]))
    }

    pub(crate) async fn call_answered(
        &self,
        call: CallId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE call SET answered_at = greatest($2, begun_at, ringing_at)
             WHERE id = $1 AND ended_at IS NULL AND answered_at IS NULL
             RETURNING account, answered_at AS at";
        let now = self.core.moment(now);
        let topics = [Topic::CallAnswered];
        until_done!(step(&self.core, call, update, &topics, now, &[]))
    }

    pub(crate) async fn end_call(
        &self,
        call: CallId,
        end: CallEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE call SET ended_at = greatest($2, begun_at, ringing_at, answered_at),
                 result = $4, released_by = $5, sealed_verification = $6
             WHERE id = $1 AND ended_at IS NULL RETURNING account, ended_at AS at";
        let now = self.core.moment(now);
        let result = i16::from(end.result.code());
        let released_by = i16::from(end.released_by.code());
        let verification = match &end.verification {
            Some(verification) => until_done!(seal_verification(&self.core, call, verification))?,
            None => None,
        };
        let values: [&(dyn ToSql + Sync); 3] = [&result, &released_by, &verification];
        let topics = [Topic::CallEnded, Topic::CallRecord];
        until_done!(step(&self.core, call, update, &topics, now, &values))
    }

    pub(crate) async fn calls_by_ids(
        &self,
        account: Option<AccountId>,
        ids: &[CallId],
    ) -> Result<Vec<CallRecord>, StoreError> {
        let ids: Vec<String> = ids.iter().map(CallId::to_string).collect();
        until_done!(async {
            let mut filter = Filter::default();
            filter.and("c.id = ANY (?)", ids.clone());
            if let Some(account) = account {
                filter.and("c.account = ?", account_column(account));
            }
            read(&self.core, filter, "").await
        })
    }

    pub(crate) async fn open_calls(
        &self,
        node: Option<&str>,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<CallRecord>, StoreError> {
        until_done!(async {
            let mut filter = Filter::default();
            filter.and_always("c.ended_at IS NULL");
            filter.and("c.begun_at < ?", before.unix_ms());
            if let Some(node) = node {
                filter.and("c.node = ?", escaped(node).into_owned());
            }
            let limit = filter.place(count_column(limit));
            let rest = format!("ORDER BY c.begun_at, c.id LIMIT {limit}");
            read(&self.core, filter, &rest).await
        })
    }

    pub(crate) async fn list_calls(
        &self,
        filter: &CallFilter,
        page: Page,
    ) -> Result<Paged<CallRecord>, StoreError> {
        until_done!(list(&self.core, filter, page))
    }

    pub(crate) async fn purge_calls(&self, before: Timestamp) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        for account in until_done!(all_accounts(&self.core))? {
            let rows = until_done!(drop_calls(&self.core, account, before))?;
            purged.rows += rows;
            purged.more |= rows == count_of(PURGED_AT_ONCE);
        }
        purged.keys = until_done!(call_keys::destroy(&self.core, before))?;
        purged.more |= until_done!(call_keys::drop_orphans(&self.core))?;
        Ok(purged)
    }
}

async fn begin(core: &Core, call: &NewCall, key: &CallKey, now: Timestamp) -> Result<(), Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "WITH made AS (
                 INSERT INTO call (account, id, pool, kind, x, x_city, sub_id, month, sealed,
                     direction, display, record, trunk, node, sealed_user_data, out_id,
                     begun_at, takes_place)
                 SELECT n.account, $3, n.pool, p.kind, n.x, n.city, $4, $5, $6, $7, $8, $9, $10,
                     $11, $12, $13, $14, $17
                 FROM number n JOIN pool p ON p.account = n.account AND p.pool = n.pool
                 WHERE n.account = $1 AND n.x = $2
                 ON CONFLICT (account, id) DO NOTHING
                 RETURNING account, id, month, begun_at),
             led AS (
                 INSERT INTO call_party (account, month, tag, id)
                 SELECT made.account, made.month, q.tag, made.id
                 FROM made, unnest($15::bytea[]) q (tag) RETURNING 1),
             told AS (
                 INSERT INTO outbox_entry (account, topic, subject, at)
                 SELECT account, $16, id, begun_at FROM made RETURNING 1)
             SELECT EXISTS (SELECT 1 FROM made),
                 EXISTS (SELECT 1 FROM number n WHERE n.account = $1 AND n.x = $2)",
        )
        .await?;
    let numbers = CallNumbers::of(call);
    let binding = call.binding.as_ref();
    let user_data = binding.and_then(|binding| binding.user_data.as_ref());
    let user_data = user_data.map(|text| key.seal_user_data(call.id, text));
    let user_data = user_data.transpose()?;
    let values: [&(dyn ToSql + Sync); 17] = [
        &account_column(call.account),
        &number_column(call.x),
        &call.id.to_string(),
        &binding.map(|binding| binding.sub_id.to_string()),
        &call_rows::month_column(key.month),
        &key.seal(call.id, numbers)?,
        &i16::from(call.direction.code()),
        &binding.map(|binding| i16::from(binding.display.code())),
        &call.record,
        &escaped(&call.trunk).into_owned(),
        &escaped(&call.node).into_owned(),
        &user_data,
        &escaped_option(binding.and_then(|binding| binding.out_id.as_ref())),
        &now.unix_ms(),
        &key.tags(numbers)
            .iter()
            .map(|tag| tag.to_vec())
            .collect::<Vec<_>>(),
        &Topic::CallStarted.name(),
        &call.callee.is_some(),
    ];
    let row = client.query_one(&statement, &values).await?;
    let (made, known): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if !known {
        let what = format!("X of call {} is no number of its account", call.id);
        return Err(StoreError::Internal(what).into());
    }
    if made {
        core.counters.committed(1);
    }
    Ok(())
}

/// What a caller keyed, sealed with the key that the row of the call is sealed with; `None` if there
/// is no such row.
async fn seal_verification(
    core: &Core,
    call: CallId,
    verification: &Verification,
) -> Result<Option<Vec<u8>>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached("SELECT month FROM call WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&call.to_string()]).await?;
    let Some(row) = row else { return Ok(None) };
    let month = call_rows::month_of(row.try_get(0)?)?;
    let key = RowKeys::new(core, &client).of(month).await?;
    Ok(Some(key.seal_verification(call, verification)?))
}

/// Runs an update of the call $1 at $2 that answers its account and the moment, and tells of it;
/// the update's own values begin at $4.
async fn step(
    core: &Core,
    call: CallId,
    update: &str,
    topics: &[Topic],
    now: Timestamp,
    own: &[&(dyn ToSql + Sync)],
) -> Result<bool, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "WITH hit AS ({update}),
             told AS (
                 INSERT INTO outbox_entry (account, topic, subject, at)
                 SELECT hit.account, q.topic, $1, hit.at
                 FROM hit, unnest($3::text[]) WITH ORDINALITY q (topic, n) ORDER BY q.n
                 RETURNING 1)
             SELECT count(*) FROM hit"
        ))
        .await?;
    let (id, now) = (call.to_string(), now.unix_ms());
    let topics: Vec<&str> = topics.iter().map(|topic| topic.name()).collect();
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&id, &now, &topics];
    values.extend(own);
    let row = client.query_one(&statement, &values).await?;
    let changed = row.try_get::<_, i64>(0)? > 0;
    if changed {
        core.counters.committed(1);
    }
    Ok(changed)
}

async fn read(core: &Core, filter: Filter, rest: &str) -> Result<Vec<CallRecord>, Fault> {
    let client = core.client().await?;
    let sql = format!(
        "SELECT {CALL_COLUMNS} FROM call c WHERE {} {rest}",
        filter.text()
    );
    let rows = client.query(&sql, &filter.values()).await?;
    let mut keys = RowKeys::new(core, &client);
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let month = call_rows::month_of(row.try_get("month")?)?;
        let key = keys.of(month).await?;
        found.push(call_rows::read(row, &key)?);
    }
    Ok(found)
}

async fn list(core: &Core, filter: &CallFilter, page: Page) -> Result<Paged<CallRecord>, Fault> {
    let keys = match filter.party {
        Some(_) => all_keys(core).await?,
        None => Vec::new(),
    };
    let mut conditions = conditions_of(filter, &keys);
    let counted = format!(
        "SELECT count(*) FROM (SELECT 1 FROM call c WHERE {} LIMIT {}) q",
        conditions.text(),
        limits::CALLS_COUNTED_MAX
    );
    let client = core.client().await?;
    let row = client.query_one(&counted, &conditions.values()).await?;
    let total = count_of(row.try_get(0)?);
    drop(client);
    let limit = conditions.place(count_column(page.limit));
    let offset = conditions.place(count_column(page.offset));
    let rest = format!("ORDER BY c.begun_at DESC, c.id DESC LIMIT {limit} OFFSET {offset}");
    let rows = read(core, conditions, &rest).await?;
    Ok(Paged { rows, total })
}

fn conditions_of(filter: &CallFilter, keys: &[Arc<CallKey>]) -> Filter {
    let mut conditions = Filter::default();
    if let Some(account) = filter.account {
        conditions.and("c.account = ?", account_column(account));
    }
    if let Some(sub_id) = filter.sub_id {
        conditions.and("c.sub_id = ?", sub_id.to_string());
    }
    if let Some(x) = filter.x {
        conditions.and("c.x = ?", number_column(x));
    }
    if let Some(from) = filter.from {
        conditions.and("c.begun_at >= ?", from.unix_ms());
    }
    if let Some(until) = filter.until {
        conditions.and("c.begun_at < ?", until.unix_ms());
    }
    if let Some(result) = filter.result {
        conditions.and("c.result = ?", i16::from(result.code()));
    }
    if let Some(node) = &filter.node {
        conditions.and("c.node = ?", escaped(node).into_owned());
    }
    if let Some(party) = filter.party {
        add_party(&mut conditions, filter, keys, party);
    }
    conditions
}

/// A number has another tag in each month.
fn add_party(
    conditions: &mut Filter,
    filter: &CallFilter,
    keys: &[Arc<CallKey>],
    party: PhoneNumber,
) {
    let mut months = Vec::with_capacity(keys.len());
    let mut tags = Vec::with_capacity(keys.len());
    for key in keys {
        months.push(call_rows::month_column(key.month));
        tags.push(key.tag(party).to_vec());
    }
    let accounts: Option<Vec<i64>> = filter.account.map(|account| vec![account_column(account)]);
    let months = conditions.place(months);
    let tags = conditions.place(tags);
    let accounts = conditions.place(accounts);
    conditions.and_always(&format!(
        "(c.account, c.id) IN (
             SELECT p.account, p.id FROM account t
             CROSS JOIN unnest({months}::int4[], {tags}::bytea[]) q (month, tag)
             JOIN call_party p ON p.account = t.account AND p.month = q.month AND p.tag = q.tag
             WHERE {accounts}::int8[] IS NULL OR t.account = ANY ({accounts}::int8[]))"
    ));
}

/// All accounts.
pub(super) async fn all_accounts(core: &Core) -> Result<Vec<i64>, Fault> {
    let client = core.client().await?;
    let rows = client
        .query("SELECT account FROM account ORDER BY account", &[])
        .await?;
    let mut accounts = Vec::with_capacity(rows.len());
    for row in rows {
        accounts.push(row.try_get(0)?);
    }
    Ok(accounts)
}

async fn drop_calls(core: &Core, account: i64, before: Timestamp) -> Result<u64, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "DELETE FROM call WHERE account = $1 AND id IN
                 (SELECT id FROM call WHERE account = $1 AND begun_at < $2
                      AND ended_at IS NOT NULL
                  ORDER BY begun_at LIMIT $3)",
        )
        .await?;
    let values: [&(dyn ToSql + Sync); 3] = [&account, &before.unix_ms(), &PURGED_AT_ONCE];
    Ok(client.execute(&statement, &values).await?)
}
