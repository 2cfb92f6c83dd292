//! Looking: bindings, calls, events. Nothing here writes.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, SubId},
    party::PartyKey,
    phone::PhoneNumber,
    route_table::Resolution,
    time::Timestamp,
};
use rusqlite::{Connection, Row, params_from_iter, types::Value};

use super::{
    SqliteStore,
    event_rows::{EVENT_COLUMNS, events},
    fault::{damaged, engine},
    listing::{Conditions, page_columns},
    rows::{BindingRow, account_column, account_from, number_column, pool_column, select_bindings},
    state::State,
};
use crate::{
    error::StoreError,
    keyring::Keyring,
    model::{BindingFilter, BindingRef, CallQuery, CallRoute, Event, Page, Paged, Topic},
};

/// How often a call is looked at anew when its binding changed between memory and row.
const RESOLVE_ATTEMPTS: usize = 3;

impl SqliteStore {
    pub(crate) async fn binding(
        &self,
        binding: BindingRef,
        _now: Timestamp,
    ) -> Result<Option<Binding>, StoreError> {
        let keys = Arc::clone(&self.inner.shared.keys);
        let ids = Arc::clone(&self.inner.shared.sub_ids);
        self.look_up(move |connection| {
            let row = BindingRow::find(connection, &ids, binding.sub_id)?;
            row.filter(|row| row.account == binding.account)
                .filter(|row| binding.pool.is_none_or(|pool| row.pool == pool))
                .map(|row| row.open(&keys))
                .transpose()
        })
        .await
    }

    pub(crate) async fn list_bindings(
        &self,
        account: AccountId,
        filter: &BindingFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<Binding>, StoreError> {
        let keys = Arc::clone(&self.inner.shared.keys);
        let ids = Arc::clone(&self.inner.shared.sub_ids);
        let mut conditions = conditions_of(&keys, account, filter, now);
        let sub_id = filter.sub_id;
        self.read(move |connection| {
            if let Some(sub_id) = sub_id {
                let Some(row) = BindingRow::find(connection, &ids, sub_id)? else {
                    return Ok(Paged {
                        rows: Vec::new(),
                        total: 0,
                    });
                };
                conditions.equal("b.seq", Some(row.seq));
            }
            list(connection, &keys, conditions, page)
        })
        .await
    }

    pub(crate) async fn route_call(
        &self,
        query: CallQuery,
        now: Timestamp,
    ) -> Result<CallRoute, StoreError> {
        for _ in 0..RESOLVE_ATTEMPTS {
            let keys = &self.inner.shared.keys;
            let resolved = self.glance(|state| resolve(state, keys, &query, now))?;
            let (account, sub_id, callee) = match resolved {
                Resolved::Answer(route) => {
                    self.inner.shared.settled().await;
                    return Ok(route);
                }
                Resolved::Binding(account, sub_id, callee) => (account, sub_id, callee),
            };
            let reference = BindingRef {
                account,
                pool: None,
                sub_id,
            };
            let binding = self.binding(reference, now).await?;
            let binding = binding.ok_or_else(|| damaged("a live binding without its row"))?;
            let parties = [Some(binding.terms.a), binding.terms.b];
            let rung = parties
                .into_iter()
                .flatten()
                .find(|number| keys.party_key(account, *number) == callee);
            let is_as_seen = binding.is_live(now) && binding.x == query.x;
            if let Some(callee) = rung.filter(|_| is_as_seen) {
                return Ok(CallRoute::Connect { binding, callee });
            }
            // The binding was changed after memory was looked at. Its row may be ahead of memory,
            // which has caught up once the writer answers.
            self.write(now, |_| Ok(())).await?;
        }
        Err(StoreError::Unavailable(
            "the binding of this call keeps changing".to_owned(),
        ))
    }

    pub(crate) async fn events(&self, after: i64, limit: u64) -> Result<Vec<Event>, StoreError> {
        self.read(move |connection| read_events(connection, after, limit))
            .await
    }
}

enum Resolved {
    Answer(CallRoute),
    Binding(AccountId, SubId, PartyKey),
}

fn resolve(state: &State, keys: &Keyring, query: &CallQuery, now: Timestamp) -> Resolved {
    let Some((slot, pool)) = state.pool_of(query.x) else {
        return Resolved::Answer(CallRoute::UnknownNumber);
    };
    let account = pool.account;
    if !slot.enabled {
        return Resolved::Answer(CallRoute::NumberDisabled { account });
    }
    let caller = query.caller.map(|caller| keys.party_key(account, caller));
    let quarantine_ms = pool.rules.quarantine_ms;
    let found = state
        .routes
        .resolve(query.x, caller, query.extension, now, quarantine_ms);
    match found {
        Resolution::Connect { sub_id, callee } => Resolved::Binding(account, sub_id, callee),
        Resolution::AskExtension => Resolved::Answer(CallRoute::AskExtension { account }),
        Resolution::Ended { sub_id } => Resolved::Answer(CallRoute::Ended { sub_id, account }),
        Resolution::NoBinding => Resolved::Answer(CallRoute::NoBinding { account }),
    }
}

fn conditions_of(
    keys: &Keyring,
    account: AccountId,
    filter: &BindingFilter,
    now: Timestamp,
) -> Conditions {
    let key =
        |number: PhoneNumber| Value::from(keys.party_key(account, number).as_bytes().to_vec());
    let mut conditions = Conditions::default();
    conditions.equal("b.account", Some(account_column(account)));
    conditions.equal("b.pool", filter.pool.map(pool_column));
    conditions.equal("b.a_key", filter.a.map(key));
    conditions.equal("b.b_key", filter.b.map(key));
    conditions.equal("b.x", filter.x.map(number_column));
    conditions.equal("b.out_id", filter.out_id.clone());
    if let Some(number) = filter.any_role {
        let values = [key(number), key(number), number_column(number).into()];
        conditions.add("b.a_key = ? OR b.b_key = ? OR b.x = ?", values);
    }
    match filter.live {
        Some(true) => conditions.add(
            "e.at IS NULL AND b.expires_at > ?",
            [Value::from(now.unix_ms())],
        ),
        Some(false) => conditions.add(
            "e.at IS NOT NULL OR b.expires_at <= ?",
            [Value::from(now.unix_ms())],
        ),
        None => {}
    }
    conditions
}

fn list(
    connection: &Connection,
    keys: &Keyring,
    conditions: Conditions,
    page: Page,
) -> Result<Paged<Binding>, StoreError> {
    const FROM: &str = "binding b LEFT JOIN ended e ON e.seq = b.seq";
    let fault = |error: rusqlite::Error| engine(&error);
    let total = conditions.count(connection, FROM)?;
    let sql = format!(
        "{} {} ORDER BY b.seq DESC LIMIT ? OFFSET ?",
        select_bindings!(""),
        conditions.sql()
    );
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let values = conditions.values.into_iter().chain(page_columns(page));
    let mut rows = statement.query(params_from_iter(values)).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(BindingRow::read(row)?.open(keys)?);
    }
    Ok(Paged { rows: found, total })
}

fn read_events(connection: &Connection, after: i64, limit: u64) -> Result<Vec<Event>, StoreError> {
    let sql = format!(
        "{} ORDER BY 1 LIMIT ?2",
        events(EVENT_COLUMNS, "?1", "true")
    );
    let fault = |error: rusqlite::Error| engine(&error);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement.query([after, limit]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read_event(row)?);
    }
    Ok(found)
}

fn read_event(row: &Row<'_>) -> Result<Event, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let topic: String = row.get(2).map_err(fault)?;
    Ok(Event {
        id: row.get(0).map_err(fault)?,
        account: account_from(row.get(1).map_err(fault)?)?,
        topic: Topic::from_name(&topic).ok_or_else(|| damaged("an event's topic"))?,
        subject: row.get(3).map_err(fault)?,
        at: Timestamp::from_unix_ms(row.get(4).map_err(fault)?),
    })
}
