//! Blacklist entries.
//!
//! Those that stand are in memory too, so that looking at them costs a bind no statement.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    party::PartyKey,
    phone::PhoneNumber,
    risk::{Counted, FreezeTime, FrequencyWindow, Restriction, Restrictions, RiskEntryId},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter, types::Value};

use super::{
    SqliteStore,
    fault::{Fault, damaged, engine},
    listing::{Conditions, page_columns},
    risk_calls,
    rows::{account_column, account_from},
    state::{Change, State},
    writer::Batch,
};
use crate::{
    error::StoreError,
    keyring::Keyring,
    model::{Page, Paged, Topic},
    risk::{NewRiskEntry, RiskEntry, RiskFilter, RiskRules, RiskSwept, open_number, seal_number},
};

const COLUMNS: &str = "id, account, sealed, restriction, freeze_time, service_type, \
     sub_service_type, remark, made_by, started_at, expires_at, ended_at";
/// The most entries announced, and rows dropped, in one sweep.
pub(super) const STEP: i64 = 1000;

impl SqliteStore {
    pub(crate) async fn freeze(
        &self,
        entry: &NewRiskEntry,
        now: Timestamp,
    ) -> Result<RiskEntry, StoreError> {
        let entry = entry.clone();
        self.write(now, move |batch| freeze(batch, entry)).await
    }

    pub(crate) async fn unfreeze(
        &self,
        account: AccountId,
        number: PhoneNumber,
        restriction: Restriction,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let party = self.inner.shared.keys.party_key(account, number);
        self.write(now, move |batch| {
            let stood = end(batch, account, party, restriction, true)?;
            if stood.is_some() {
                batch.after_commit(Change::Unfrozen(account, party, restriction));
            }
            Ok(stood == Some(true))
        })
        .await
    }

    pub(crate) async fn risk_entry(
        &self,
        account: AccountId,
        id: RiskEntryId,
    ) -> Result<Option<RiskEntry>, StoreError> {
        let keys = Arc::clone(&self.inner.shared.keys);
        let mut conditions = Conditions::default();
        conditions.equal("account", Some(account_column(account)));
        conditions.equal("id", Some(id.number().cast_signed()));
        let one = Page {
            offset: 0,
            limit: 1,
        };
        let found = self.read(move |connection| list(connection, &keys, conditions, one));
        Ok(found.await?.rows.into_iter().next())
    }

    pub(crate) async fn list_risk_entries(
        &self,
        account: AccountId,
        filter: &RiskFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<RiskEntry>, StoreError> {
        let keys = Arc::clone(&self.inner.shared.keys);
        let mut conditions = Conditions::default();
        conditions.equal("account", Some(account_column(account)));
        let party = filter.number.map(|number| keys.party_key(account, number));
        conditions.equal("party_key", party.map(|it| it.as_bytes().to_vec()));
        let restriction = filter.restriction.map(|it| i64::from(it.code()));
        conditions.equal("restriction", restriction);
        if filter.standing_only {
            let now = Value::from(now.unix_ms());
            conditions.add("ended_at IS NULL AND expires_at > ?", [now]);
        }
        self.read(move |connection| list(connection, &keys, conditions, page))
            .await
    }

    pub(crate) async fn restrictions(
        &self,
        account: AccountId,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<Restrictions>, StoreError> {
        let keys = &self.inner.shared.keys;
        self.look(|state| {
            if !state.risk.has_entries(account) {
                return vec![Restrictions::NONE; numbers.len()];
            }
            let parties = numbers.iter().map(|it| keys.party_key(account, *it));
            parties
                .map(|party| state.risk.restrictions(account, party, now))
                .collect()
        })
        .await
    }

    pub(crate) async fn risk_rules(
        &self,
        account: AccountId,
    ) -> Result<Arc<RiskRules>, StoreError> {
        self.glance(|state| Arc::new(state.risk.rules(account)))
    }

    pub(crate) async fn set_frequency_windows(
        &self,
        account: AccountId,
        windows: &[FrequencyWindow],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const DELETE: &str = "DELETE FROM risk_window WHERE account = ?1";
        const INSERT: &str = "INSERT INTO risk_window (account, place, counted, minutes, calls_max) \
             VALUES (?1, ?2, ?3, ?4, ?5)";
        let windows = windows.to_vec();
        self.write_alone(now, move |batch| {
            let column = account_column(account);
            batch.connection.prepare_cached(DELETE)?.execute([column])?;
            for (place, window) in (0i64..).zip(&windows) {
                batch.connection.prepare_cached(INSERT)?.execute(params![
                    column,
                    place,
                    window.counted().code(),
                    window.minutes(),
                    window.calls_max()
                ])?;
            }
            batch.after_commit(Change::FrequencyWindows(account, windows));
            Ok(())
        })
        .await
    }

    pub(crate) async fn sweep_risk(
        &self,
        kept_ms: i64,
        now: Timestamp,
    ) -> Result<RiskSwept, StoreError> {
        self.write(now, move |batch| {
            let expired = announce(batch)?;
            let dropped = drop_ended(batch, kept_ms)? + risk_calls::drop_old(batch)?;
            Ok(RiskSwept { expired, dropped })
        })
        .await
    }
}

fn freeze(batch: &mut Batch<'_>, made: NewRiskEntry) -> Result<RiskEntry, Fault> {
    const INSERT: &str = "INSERT INTO risk_entry (id, account, party_key, sealed, restriction, \
         freeze_time, service_type, sub_service_type, remark, made_by, started_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let (account, restriction) = (made.account, made.restriction);
    let party = batch.keys.party_key(account, made.number);
    let sealed = seal_number(batch.keys, made.id, made.number)?;
    end(batch, account, party, restriction, false)?;
    let entry = RiskEntry {
        started_at: batch.now(),
        expires_at: made.freeze_time.until(batch.now()),
        ended_at: None,
        made,
    };
    let made = &entry.made;
    batch.connection.prepare_cached(INSERT)?.execute(params![
        made.id.number().cast_signed(),
        account_column(account),
        party.as_bytes(),
        sealed,
        restriction.code(),
        made.freeze_time.code(),
        made.service_type,
        made.sub_service_type,
        made.remark,
        made.made_by,
        entry.started_at.unix_ms(),
        entry.expires_at.unix_ms(),
    ])?;
    batch.event(account, Topic::RiskFrozen, &made.id.to_string())?;
    let until = entry.expires_at;
    batch.after_commit(Change::Frozen(account, party, restriction, until));
    Ok(entry)
}

/// Ends the entry that has not ended, and answers whether it stood until now; `None` if there is
/// none. Its end is told if `told`, or if it had expired before.
fn end(
    batch: &mut Batch<'_>,
    account: AccountId,
    party: PartyKey,
    restriction: Restriction,
    told: bool,
) -> Result<Option<bool>, Fault> {
    const SELECT: &str = "SELECT seq, id, expires_at FROM risk_entry \
         WHERE account = ?1 AND party_key = ?2 AND restriction = ?3 AND ended_at IS NULL";
    let found: Option<(i64, i64, i64)> = batch
        .connection
        .prepare_cached(SELECT)?
        .query_row(
            params![
                account_column(account),
                party.as_bytes(),
                restriction.code()
            ],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let Some((seq, id, expires_at)) = found else {
        return Ok(None);
    };
    let expires_at = Timestamp::from_unix_ms(expires_at);
    let stood = batch.now() < expires_at;
    mark_ended(batch, seq, batch.now().min(expires_at))?;
    if told || !stood {
        let subject = RiskEntryId::new(id.cast_unsigned()).to_string();
        batch.event(account, Topic::RiskUnfrozen, &subject)?;
    }
    Ok(Some(stood))
}

fn mark_ended(batch: &Batch<'_>, seq: i64, at: Timestamp) -> Result<(), Fault> {
    let mut update = batch
        .connection
        .prepare_cached("UPDATE risk_entry SET ended_at = ?2 WHERE seq = ?1")?;
    update.execute(params![seq, at.unix_ms()])?;
    Ok(())
}

/// Announces entries that expired.
fn announce(batch: &mut Batch<'_>) -> Result<u64, Fault> {
    const SELECT: &str = "SELECT seq, id, account, party_key, restriction, expires_at \
         FROM risk_entry WHERE ended_at IS NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
    type Due = (i64, i64, i64, Vec<u8>, i64, i64);
    let due: Vec<Due> = batch
        .connection
        .prepare_cached(SELECT)?
        .query_map(params![batch.now().unix_ms(), STEP], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })?
        .collect::<Result<_, _>>()?;
    for (seq, id, account, party, restriction, expires_at) in &due {
        let (account, expires_at) = (
            account_from(*account)?,
            Timestamp::from_unix_ms(*expires_at),
        );
        let (party, restriction) = (party_from(party)?, restriction_from(*restriction)?);
        mark_ended(batch, *seq, expires_at)?;
        let subject = RiskEntryId::new(id.cast_unsigned()).to_string();
        batch.event_at(account, Topic::RiskUnfrozen, &subject, expires_at)?;
        batch.after_commit(Change::Unfrozen(account, party, restriction));
    }
    Ok(due.len() as u64)
}

fn drop_ended(batch: &Batch<'_>, kept_ms: i64) -> Result<u64, Fault> {
    const DELETE: &str = "DELETE FROM risk_entry WHERE seq IN (SELECT seq FROM risk_entry \
         WHERE ended_at IS NOT NULL AND ended_at <= ?1 ORDER BY ended_at LIMIT ?2)";
    let oldest = batch.now().plus_ms(-kept_ms).unix_ms();
    let rows = batch
        .connection
        .prepare_cached(DELETE)?
        .execute(params![oldest, STEP])?;
    Ok(rows as u64)
}

fn list(
    connection: &Connection,
    keys: &Keyring,
    conditions: Conditions,
    page: Page,
) -> Result<Paged<RiskEntry>, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let total = conditions.count(connection, "risk_entry")?;
    let sql = format!(
        "SELECT {COLUMNS} FROM risk_entry {} ORDER BY seq DESC LIMIT ? OFFSET ?",
        conditions.sql()
    );
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let values = conditions.values.into_iter().chain(page_columns(page));
    let mut rows = statement.query(params_from_iter(values)).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read(row, keys)?);
    }
    Ok(Paged { rows: found, total })
}

fn read(row: &Row<'_>, keys: &Keyring) -> Result<RiskEntry, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let id = RiskEntryId::new(row.get::<_, i64>(0).map_err(fault)?.cast_unsigned());
    let sealed: Vec<u8> = row.get(2).map_err(fault)?;
    Ok(RiskEntry {
        made: NewRiskEntry {
            id,
            account: account_from(row.get(1).map_err(fault)?)?,
            number: open_number(keys, id, &sealed)?,
            restriction: restriction_from(row.get(3).map_err(fault)?)?,
            freeze_time: FreezeTime::from_code(row.get(4).map_err(fault)?)
                .ok_or_else(|| damaged("a freeze time"))?,
            service_type: row.get(5).map_err(fault)?,
            sub_service_type: row.get(6).map_err(fault)?,
            remark: row.get(7).map_err(fault)?,
            made_by: row.get(8).map_err(fault)?,
        },
        started_at: Timestamp::from_unix_ms(row.get(9).map_err(fault)?),
        expires_at: Timestamp::from_unix_ms(row.get(10).map_err(fault)?),
        ended_at: row
            .get::<_, Option<i64>>(11)
            .map_err(fault)?
            .map(Timestamp::from_unix_ms),
    })
}

fn restriction_from(column: i64) -> Result<Restriction, StoreError> {
    Restriction::from_code(column).ok_or_else(|| damaged("a restriction"))
}

fn party_from(column: &[u8]) -> Result<PartyKey, StoreError> {
    let bytes = column.try_into().ok();
    bytes
        .and_then(PartyKey::from_bytes)
        .ok_or_else(|| damaged("a party key"))
}

/// Reads what stands, at start.
pub(super) fn load(connection: &Connection, state: &mut State) -> Result<(), StoreError> {
    const ENTRIES: &str =
        "SELECT account, party_key, restriction, expires_at FROM risk_entry WHERE ended_at IS NULL";
    const WINDOWS: &str =
        "SELECT account, counted, minutes, calls_max FROM risk_window ORDER BY account, place";
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare(ENTRIES).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let party: Vec<u8> = row.get(1).map_err(fault)?;
        state.risk.put(
            account_from(row.get(0).map_err(fault)?)?,
            party_from(&party)?,
            restriction_from(row.get(2).map_err(fault)?)?,
            Timestamp::from_unix_ms(row.get(3).map_err(fault)?),
        );
    }
    let mut statement = connection.prepare(WINDOWS).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let account = account_from(row.get(0).map_err(fault)?)?;
        let counted = Counted::from_code(row.get(1).map_err(fault)?);
        let (minutes, calls_max) = (row.get(2).map_err(fault)?, row.get(3).map_err(fault)?);
        let window =
            counted.and_then(|counted| FrequencyWindow::new(counted, minutes, calls_max).ok());
        let mut windows = state.risk.windows(account).to_vec();
        windows.push(window.ok_or_else(|| damaged("a frequency window"))?);
        state.risk.set_windows(account, windows);
    }
    Ok(())
}
