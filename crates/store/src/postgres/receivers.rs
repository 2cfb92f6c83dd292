//! Receivers of events.

use axbridge_domain::{
    account::AccountId,
    delivery::{Kinds, ReceiverId},
    time::Timestamp,
};
use tokio_postgres::Row;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    rows::{account_column, account_of, column, count_of, unreadable},
    text::{escaped, escaped_option, unescaped},
};
use crate::{
    delivery::{Receiver, ReceiverRef, Saved},
    error::StoreError,
    keyring::Secret,
};

/// The most deliveries of a deleted receiver that are dropped in one statement.
const DROPPED_AT_ONCE: i64 = 2000;

impl PostgresStore {
    pub(crate) async fn create_receiver(
        &self,
        receiver: &Receiver,
        receivers_max: u64,
    ) -> Result<Saved, StoreError> {
        until_done!(create_receiver(&self.core, receiver, receivers_max))
    }

    pub(crate) async fn update_receiver(&self, receiver: &Receiver) -> Result<Saved, StoreError> {
        until_done!(update_receiver(&self.core, receiver))
    }

    pub(crate) async fn delete_receiver(&self, receiver: ReceiverRef) -> Result<bool, StoreError> {
        let deleted = until_done!(delete_receiver(&self.core, receiver))?;
        if deleted {
            while until_done!(drop_deliveries(&self.core, receiver))? == DROPPED_AT_ONCE {}
        }
        Ok(deleted)
    }

    pub(crate) async fn list_receivers(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<Receiver>, StoreError> {
        until_done!(list_receivers(&self.core, account))
    }
}

/// A receiver's id as a column.
pub(super) fn id_column(id: ReceiverId) -> i64 {
    id.number().cast_signed()
}

/// Reads [`id_column`].
pub(super) fn id_of(column: i64) -> ReceiverId {
    ReceiverId::new(column.cast_unsigned())
}

fn sealed_token(core: &Core, receiver: &Receiver) -> Result<Vec<u8>, StoreError> {
    core.keys.seal(
        receiver.token.reveal().as_bytes(),
        receiver.id.to_string().as_bytes(),
    )
}

async fn create_receiver(
    core: &Core,
    receiver: &Receiver,
    receivers_max: u64,
) -> Result<Saved, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let account = account_column(receiver.account);
    // The account's row is the lock under which its receivers are counted.
    transaction
        .execute(
            "SELECT 1 FROM account WHERE account = $1 FOR UPDATE",
            &[&account],
        )
        .await?;
    let count: i64 = transaction
        .query_one(
            "SELECT count(*) FROM receiver WHERE account = $1",
            &[&account],
        )
        .await?
        .try_get(0)?;
    if count_of(count) >= receivers_max {
        return Ok(Saved::TooMany);
    }
    transaction
        .execute(
            "INSERT INTO receiver (account, id, url, kinds, sealed_token, ca_pem, paused,
                 created_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                &account,
                &id_column(receiver.id),
                &escaped(&receiver.url),
                &i16::from(receiver.kinds.to_bits()),
                &sealed_token(core, receiver)?,
                &escaped_option(receiver.ca_pem.as_ref()),
                &receiver.paused,
                &receiver.created_at.unix_ms(),
                &receiver.changed_at.unix_ms(),
            ],
        )
        .await?;
    core.commit(transaction).await?;
    Ok(Saved::Done)
}

async fn update_receiver(core: &Core, receiver: &Receiver) -> Result<Saved, Fault> {
    let client = core.client().await?;
    let changed = client
        .execute(
            "UPDATE receiver SET url = $3, kinds = $4, sealed_token = $5, ca_pem = $6, paused = $7,
                 changed_at = $8 WHERE account = $1 AND id = $2",
            &[
                &account_column(receiver.account),
                &id_column(receiver.id),
                &escaped(&receiver.url),
                &i16::from(receiver.kinds.to_bits()),
                &sealed_token(core, receiver)?,
                &escaped_option(receiver.ca_pem.as_ref()),
                &receiver.paused,
                &receiver.changed_at.unix_ms(),
            ],
        )
        .await?;
    Ok(if changed == 1 {
        Saved::Done
    } else {
        Saved::Unknown
    })
}

async fn delete_receiver(core: &Core, receiver: ReceiverRef) -> Result<bool, Fault> {
    let client = core.client().await?;
    let deleted = client
        .execute(
            "DELETE FROM receiver WHERE account = $1 AND id = $2",
            &[&account_column(receiver.account), &id_column(receiver.id)],
        )
        .await?;
    Ok(deleted == 1)
}

async fn drop_deliveries(core: &Core, receiver: ReceiverRef) -> Result<i64, Fault> {
    let client = core.client().await?;
    let dropped = client
        .execute(
            "DELETE FROM delivery WHERE account = $1 AND receiver = $2 AND event IN
                 (SELECT event FROM delivery WHERE account = $1 AND receiver = $2 LIMIT $3)",
            &[
                &account_column(receiver.account),
                &id_column(receiver.id),
                &DROPPED_AT_ONCE,
            ],
        )
        .await?;
    Ok(dropped.cast_signed())
}

async fn list_receivers(core: &Core, account: Option<AccountId>) -> Result<Vec<Receiver>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "SELECT account, id, url, kinds, sealed_token, ca_pem, paused, created_at, changed_at
             FROM receiver WHERE $1::bigint IS NULL OR account = $1 ORDER BY created_at, id",
        )
        .await?;
    let rows = client
        .query(&statement, &[&account.map(account_column)])
        .await?;
    let receivers: Result<_, StoreError> =
        rows.iter().map(|row| receiver_from(core, row)).collect();
    Ok(receivers?)
}

fn receiver_from(core: &Core, row: &Row) -> Result<Receiver, StoreError> {
    let id = id_of(column(row, "id")?);
    let token = core
        .keys
        .open(column(row, "sealed_token")?, id.to_string().as_bytes())?;
    let token = std::str::from_utf8(&token).map_err(|_| unreadable("a callback's token"))?;
    let kinds: i16 = column(row, "kinds")?;
    Ok(Receiver {
        id,
        account: account_of(column(row, "account")?)?,
        url: unescaped(column(row, "url")?),
        kinds: Kinds::from_bits(u8::try_from(kinds).unwrap_or_default()),
        token: Secret::new(token.to_owned()),
        ca_pem: column::<Option<String>>(row, "ca_pem")?.map(unescaped),
        paused: column(row, "paused")?,
        created_at: Timestamp::from_unix_ms(column(row, "created_at")?),
        changed_at: Timestamp::from_unix_ms(column(row, "changed_at")?),
    })
}
