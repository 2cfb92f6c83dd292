//! Blacklist entries.
//!
//! Whether an account has any at all is cached for a second, so that a bind of an account that has
//! none costs no look at them.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    party::PartyKey,
    phone::PhoneNumber,
    risk::{Counted, FreezeTime, FrequencyWindow, Restriction, Restrictions, RiskEntryId},
    time::Timestamp,
};
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::Row;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    filter::Filter,
    risk_calls,
    rows::{account_column, account_of, column, count_column, count_of, party_of, unreadable},
    text::{escaped, unescaped},
    write::tell,
};
use crate::{
    error::StoreError,
    keyring::Keyring,
    model::{Page, Paged, Topic},
    risk::{NewRiskEntry, RiskEntry, RiskFilter, RiskRules, RiskSwept, open_number, seal_number},
};

const COLUMNS: &str = "account, id, sealed, restriction, freeze_time, service_type, \
     sub_service_type, remark, made_by, started_at, expires_at, ended_at";
/// The most entries announced, and rows dropped, in one sweep.
pub(super) const STEP: i64 = 1000;

impl PostgresStore {
    pub(crate) async fn freeze(
        &self,
        entry: &NewRiskEntry,
        now: Timestamp,
    ) -> Result<RiskEntry, StoreError> {
        let now = self.core.moment(now);
        let made = until_done!(async {
            match freeze(&self.core, entry, now).await {
                // Done again, it finds itself.
                Err(Fault::Unknown(text)) => Err(Fault::Lost(text)),
                other => other,
            }
        });
        self.core.risk_rules.forget(&entry.account);
        made
    }

    pub(crate) async fn unfreeze(
        &self,
        account: AccountId,
        number: PhoneNumber,
        restriction: Restriction,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let now = self.core.moment(now);
        let party = self.core.keys.party_key(account, number);
        let mut outcome_unknown = false;
        let ended = until_done!(async {
            match unfreeze(&self.core, account, party, restriction, now).await {
                Err(Fault::Unknown(text)) => {
                    outcome_unknown = true;
                    Err(Fault::Lost(text))
                }
                // None stands any more: the first try had ended it.
                Ok(false) if outcome_unknown => Ok(true),
                other => other,
            }
        });
        self.core.risk_rules.forget(&account);
        ended
    }

    pub(crate) async fn risk_entry(
        &self,
        account: AccountId,
        id: RiskEntryId,
    ) -> Result<Option<RiskEntry>, StoreError> {
        until_done!(entry(&self.core, account, id))
    }

    pub(crate) async fn list_risk_entries(
        &self,
        account: AccountId,
        filter: &RiskFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<RiskEntry>, StoreError> {
        until_done!(list(&self.core, account, filter, page, now))
    }

    pub(crate) async fn restrictions(
        &self,
        account: AccountId,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<Restrictions>, StoreError> {
        if !self.risk_rules(account).await?.has_entries {
            return Ok(vec![Restrictions::NONE; numbers.len()]);
        }
        let now = self.core.moment(now);
        let parties: Vec<PartyKey> = numbers
            .iter()
            .map(|number| self.core.keys.party_key(account, *number))
            .collect();
        until_done!(restrictions(&self.core, account, &parties, now))
    }

    pub(crate) async fn risk_rules(
        &self,
        account: AccountId,
    ) -> Result<Arc<RiskRules>, StoreError> {
        until_done!(rules(&self.core, account))
    }

    pub(crate) async fn set_frequency_windows(
        &self,
        account: AccountId,
        windows: &[FrequencyWindow],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.core.moment(now);
        let set = until_done!(async {
            match set_windows(&self.core, account, windows).await {
                Err(Fault::Unknown(text)) => Err(Fault::Lost(text)),
                other => other,
            }
        });
        self.core.risk_rules.forget(&account);
        set
    }

    pub(crate) async fn sweep_risk(
        &self,
        kept_ms: i64,
        now: Timestamp,
    ) -> Result<RiskSwept, StoreError> {
        let now = self.core.moment(now);
        let expired = until_done!(async {
            match announce(&self.core, now).await {
                Err(Fault::Unknown(text)) => Err(Fault::Lost(text)),
                other => other,
            }
        })?;
        let dropped = until_done!(drop_ended(&self.core, kept_ms, now))?
            + until_done!(risk_calls::drop_old(&self.core, now))?;
        Ok(RiskSwept { expired, dropped })
    }
}

async fn freeze(core: &Core, new: &NewRiskEntry, now: Timestamp) -> Result<RiskEntry, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let party = core.keys.party_key(new.account, new.number);
    let standing = find_standing(&transaction, new.account, party, new.restriction).await?;
    if let Some(standing) = standing {
        if standing.id == new.id {
            let made = entry_by(core, &transaction, new.account, new.id).await?;
            return made.ok_or_else(|| unreadable("a blacklist entry").into());
        }
        let told = standing.expires_at <= now;
        end(&transaction, new.account, &standing, now, told).await?;
    }
    let entry = RiskEntry {
        made: new.clone(),
        started_at: now,
        expires_at: new.freeze_time.until(now),
        ended_at: None,
    };
    if !insert(&transaction, &core.keys, &entry, party).await? {
        return Err(Fault::Again("another entry was made at once".to_owned()));
    }
    let subject = [new.id.to_string()];
    tell(&transaction, new.account, Topic::RiskFrozen, &subject, now).await?;
    core.commit(transaction).await?;
    Ok(entry)
}

async fn insert(
    transaction: &Transaction<'_>,
    keys: &Keyring,
    entry: &RiskEntry,
    party: PartyKey,
) -> Result<bool, Fault> {
    let made = &entry.made;
    let statement = transaction
        .prepare_cached(
            "INSERT INTO risk_entry (account, id, party_key, sealed, restriction, freeze_time,
                 service_type, sub_service_type, remark, made_by, started_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (account, party_key, restriction) WHERE ended_at IS NULL DO NOTHING",
        )
        .await?;
    let written = transaction
        .execute(
            &statement,
            &[
                &account_column(made.account),
                &made.id.number().cast_signed(),
                &party.as_bytes().as_slice(),
                &seal_number(keys, made.id, made.number)?,
                &i16::from(made.restriction.code()),
                &i16::from(made.freeze_time.code()),
                &made.service_type,
                &made.sub_service_type,
                &escaped(&made.remark),
                &escaped(&made.made_by),
                &entry.started_at.unix_ms(),
                &entry.expires_at.unix_ms(),
            ],
        )
        .await?;
    Ok(written == 1)
}

/// An entry that has not ended, whether or not it expired.
struct Standing {
    id: RiskEntryId,
    expires_at: Timestamp,
}

async fn find_standing(
    transaction: &Transaction<'_>,
    account: AccountId,
    party: PartyKey,
    restriction: Restriction,
) -> Result<Option<Standing>, Fault> {
    let statement = transaction
        .prepare_cached(
            "SELECT id, expires_at FROM risk_entry WHERE account = $1 AND party_key = $2
                 AND restriction = $3 AND ended_at IS NULL FOR UPDATE",
        )
        .await?;
    let row = transaction
        .query_opt(
            &statement,
            &[
                &account_column(account),
                &party.as_bytes().as_slice(),
                &i16::from(restriction.code()),
            ],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Standing {
        id: RiskEntryId::new(row.try_get::<_, i64>(0)?.cast_unsigned()),
        expires_at: Timestamp::from_unix_ms(row.try_get(1)?),
    }))
}

/// Ends an entry, and tells of it if `told`.
async fn end(
    transaction: &Transaction<'_>,
    account: AccountId,
    standing: &Standing,
    now: Timestamp,
    told: bool,
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached("UPDATE risk_entry SET ended_at = $3 WHERE account = $1 AND id = $2")
        .await?;
    let ended_at = now.min(standing.expires_at);
    transaction
        .execute(
            &statement,
            &[
                &account_column(account),
                &standing.id.number().cast_signed(),
                &ended_at.unix_ms(),
            ],
        )
        .await?;
    if told {
        let subject = [standing.id.to_string()];
        let topic = Topic::RiskUnfrozen;
        tell(transaction, account, topic, &subject, ended_at).await?;
    }
    Ok(())
}

async fn unfreeze(
    core: &Core,
    account: AccountId,
    party: PartyKey,
    restriction: Restriction,
    now: Timestamp,
) -> Result<bool, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let Some(standing) = find_standing(&transaction, account, party, restriction).await? else {
        return Ok(false);
    };
    end(&transaction, account, &standing, now, true).await?;
    core.commit(transaction).await?;
    Ok(now < standing.expires_at)
}

async fn entry(
    core: &Core,
    account: AccountId,
    id: RiskEntryId,
) -> Result<Option<RiskEntry>, Fault> {
    let client = core.client().await?;
    entry_by(core, &client, account, id).await
}

async fn entry_by(
    core: &Core,
    client: &impl GenericClient,
    account: AccountId,
    id: RiskEntryId,
) -> Result<Option<RiskEntry>, Fault> {
    let statement = client
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM risk_entry WHERE account = $1 AND id = $2"
        ))
        .await?;
    let row = client
        .query_opt(
            &statement,
            &[&account_column(account), &id.number().cast_signed()],
        )
        .await?;
    let found = row.map(|row| read(&row, &core.keys));
    Ok(found.transpose()?)
}

async fn list(
    core: &Core,
    account: AccountId,
    filter: &RiskFilter,
    page: Page,
    now: Timestamp,
) -> Result<Paged<RiskEntry>, Fault> {
    let mut filters = Filter::default();
    filters.and("account = ?", account_column(account));
    if let Some(number) = filter.number {
        let party = core.keys.party_key(account, number);
        filters.and("party_key = ?", party.as_bytes().to_vec());
    }
    if let Some(restriction) = filter.restriction {
        filters.and("restriction = ?", i16::from(restriction.code()));
    }
    if filter.standing_only {
        filters.and("ended_at IS NULL AND expires_at > ?", now.unix_ms());
    }
    let client = core.client().await?;
    let count = format!("SELECT count(*) FROM risk_entry WHERE {}", filters.text());
    let total: i64 = client
        .query_one(&count, &filters.values())
        .await?
        .try_get(0)?;
    let condition = filters.text().to_owned();
    let limit = filters.place(count_column(page.limit));
    let offset = filters.place(count_column(page.offset));
    let select = format!(
        "SELECT {COLUMNS} FROM risk_entry WHERE {condition}
         ORDER BY started_at DESC, id LIMIT {limit} OFFSET {offset}"
    );
    let mut rows = Vec::new();
    for row in client.query(&select, &filters.values()).await? {
        rows.push(read(&row, &core.keys)?);
    }
    Ok(Paged {
        rows,
        total: count_of(total),
    })
}

fn read(row: &Row, keys: &Keyring) -> Result<RiskEntry, StoreError> {
    let id = RiskEntryId::new(column::<i64>(row, "id")?.cast_unsigned());
    let freeze_time: i16 = column(row, "freeze_time")?;
    Ok(RiskEntry {
        made: NewRiskEntry {
            id,
            account: account_of(column(row, "account")?)?,
            number: open_number(keys, id, column(row, "sealed")?)?,
            restriction: restriction_of(column(row, "restriction")?)?,
            freeze_time: FreezeTime::from_code(freeze_time.into())
                .ok_or_else(|| unreadable("a freeze time"))?,
            service_type: column(row, "service_type")?,
            sub_service_type: column(row, "sub_service_type")?,
            remark: unescaped(column(row, "remark")?),
            made_by: unescaped(column(row, "made_by")?),
        },
        started_at: Timestamp::from_unix_ms(column(row, "started_at")?),
        expires_at: Timestamp::from_unix_ms(column(row, "expires_at")?),
        ended_at: column::<Option<i64>>(row, "ended_at")?.map(Timestamp::from_unix_ms),
    })
}

fn restriction_of(code: i16) -> Result<Restriction, StoreError> {
    Restriction::from_code(code.into()).ok_or_else(|| unreadable("a restriction"))
}

async fn restrictions(
    core: &Core,
    account: AccountId,
    parties: &[PartyKey],
    now: Timestamp,
) -> Result<Vec<Restrictions>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "SELECT party_key, restriction FROM risk_entry WHERE account = $1
                 AND party_key = ANY ($2) AND ended_at IS NULL AND expires_at > $3",
        )
        .await?;
    let keys: Vec<&[u8]> = parties.iter().map(|it| it.as_bytes().as_slice()).collect();
    let rows = client
        .query(
            &statement,
            &[&account_column(account), &keys, &now.unix_ms()],
        )
        .await?;
    let mut found = vec![Restrictions::NONE; parties.len()];
    for row in rows {
        let party = party_of(column(&row, "party_key")?)?;
        let restriction = restriction_of(column(&row, "restriction")?)?;
        for (known, restrictions) in parties.iter().zip(&mut found) {
            if *known == party {
                *restrictions = restrictions.with(restriction);
            }
        }
    }
    Ok(found)
}

async fn rules(core: &Core, account: AccountId) -> Result<Arc<RiskRules>, Fault> {
    if let Some(rules) = core.risk_rules.get(&account) {
        return Ok(rules);
    }
    let mark = core.risk_rules.mark();
    let client = core.client().await?;
    let column_of = account_column(account);
    let statement = client
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM risk_entry WHERE account = $1 AND ended_at IS NULL)",
        )
        .await?;
    let has_entries = client
        .query_one(&statement, &[&column_of])
        .await?
        .try_get(0)?;
    let statement = client
        .prepare_cached(
            "SELECT counted, minutes, calls_max FROM risk_window WHERE account = $1 ORDER BY place",
        )
        .await?;
    let mut windows = Vec::new();
    for row in client.query(&statement, &[&column_of]).await? {
        windows.push(window_from(&row)?);
    }
    let rules = RiskRules {
        windows,
        has_entries,
    };
    Ok(core.risk_rules.keep(mark, account, rules))
}

fn window_from(row: &Row) -> Result<FrequencyWindow, StoreError> {
    let counted: i16 = column(row, "counted")?;
    let whole = |name| -> Result<u32, StoreError> {
        Ok(u32::try_from(column::<i32>(row, name)?).unwrap_or(0))
    };
    let (minutes, calls_max) = (whole("minutes")?, whole("calls_max")?);
    Counted::from_code(counted.into())
        .and_then(|counted| FrequencyWindow::new(counted, minutes, calls_max).ok())
        .ok_or_else(|| unreadable("a frequency window"))
}

async fn set_windows(
    core: &Core,
    account: AccountId,
    windows: &[FrequencyWindow],
) -> Result<(), Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let column = account_column(account);
    // Two that set them at once do so one after the other.
    transaction
        .execute(
            "SELECT 1 FROM account WHERE account = $1 FOR UPDATE",
            &[&column],
        )
        .await?;
    transaction
        .execute("DELETE FROM risk_window WHERE account = $1", &[&column])
        .await?;
    for (place, window) in (0i16..).zip(windows) {
        transaction
            .execute(
                "INSERT INTO risk_window (account, place, counted, minutes, calls_max)
                 VALUES ($1, $2, $3, $4, $5)",
                &[
                    &column,
                    &place,
                    &i16::from(window.counted().code()),
                    &window.minutes().cast_signed(),
                    &window.calls_max().cast_signed(),
                ],
            )
            .await?;
    }
    core.commit(transaction).await
}

/// Announces entries that expired. One that is locked is being ended by another.
async fn announce(core: &Core, now: Timestamp) -> Result<u64, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let statement = transaction
        .prepare_cached(
            "UPDATE risk_entry SET ended_at = expires_at WHERE (account, id) IN (
                 SELECT account, id FROM risk_entry WHERE ended_at IS NULL AND expires_at <= $1
                 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING account, id, expires_at",
        )
        .await?;
    let rows = transaction
        .query(&statement, &[&now.unix_ms(), &STEP])
        .await?;
    for row in &rows {
        let account = account_of(row.try_get(0)?)?;
        let id = RiskEntryId::new(row.try_get::<_, i64>(1)?.cast_unsigned());
        let at = Timestamp::from_unix_ms(row.try_get(2)?);
        let topic = Topic::RiskUnfrozen;
        tell(&transaction, account, topic, &[id.to_string()], at).await?;
    }
    if !rows.is_empty() {
        core.commit(transaction).await?;
    }
    Ok(rows.len() as u64)
}

async fn drop_ended(core: &Core, kept_ms: i64, now: Timestamp) -> Result<u64, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "DELETE FROM risk_entry WHERE (account, id) IN (
                 SELECT account, id FROM risk_entry
                 WHERE ended_at IS NOT NULL AND ended_at <= $1 ORDER BY ended_at LIMIT $2)",
        )
        .await?;
    let oldest = now.plus_ms(-kept_ms).unix_ms();
    Ok(client.execute(&statement, &[&oldest, &STEP]).await?)
}
