//! Receivers of events.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    delivery::{Kinds, ReceiverId},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params};

use super::{
    SqliteStore,
    fault::{damaged, engine},
    rows::{account_column, account_from},
};
use crate::{
    delivery::{Receiver, ReceiverRef, Saved},
    error::StoreError,
    keyring::{Keyring, Secret},
};

/// The most deliveries of a deleted receiver that are dropped in one transaction.
const DROPPED_AT_ONCE: usize = 2000;

impl SqliteStore {
    pub(crate) async fn create_receiver(
        &self,
        receiver: &Receiver,
        receivers_max: u64,
    ) -> Result<Saved, StoreError> {
        const COUNT: &str = "SELECT count(*) FROM receiver WHERE account = ?1";
        const INSERT: &str = "INSERT INTO receiver (id, account, url, kinds, token, ca_pem, paused, \
             created_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let receiver = receiver.clone();
        self.write_alone(Timestamp::MIN, move |batch| {
            let account = account_column(receiver.account);
            let count: i64 = batch
                .connection
                .query_row(COUNT, [account], |row| row.get(0))?;
            if count.unsigned_abs() >= receivers_max {
                return Ok(Saved::TooMany);
            }
            batch.connection.execute(
                INSERT,
                params![
                    id_column(receiver.id),
                    account,
                    receiver.url,
                    receiver.kinds.to_bits(),
                    sealed_token(batch.keys, &receiver)?,
                    receiver.ca_pem,
                    receiver.paused,
                    receiver.created_at.unix_ms(),
                    receiver.changed_at.unix_ms(),
                ],
            )?;
            Ok(Saved::Done)
        })
        .await
    }

    pub(crate) async fn update_receiver(&self, receiver: &Receiver) -> Result<Saved, StoreError> {
        const UPDATE: &str = "UPDATE receiver SET url = ?3, kinds = ?4, token = ?5, ca_pem = ?6, \
             paused = ?7, changed_at = ?8 WHERE id = ?1 AND account = ?2";
        let receiver = receiver.clone();
        self.write_alone(Timestamp::MIN, move |batch| {
            let changed = batch.connection.execute(
                UPDATE,
                params![
                    id_column(receiver.id),
                    account_column(receiver.account),
                    receiver.url,
                    receiver.kinds.to_bits(),
                    sealed_token(batch.keys, &receiver)?,
                    receiver.ca_pem,
                    receiver.paused,
                    receiver.changed_at.unix_ms(),
                ],
            )?;
            Ok(if changed == 1 {
                Saved::Done
            } else {
                Saved::Unknown
            })
        })
        .await
    }

    pub(crate) async fn delete_receiver(&self, receiver: ReceiverRef) -> Result<bool, StoreError> {
        let (account, id) = (account_column(receiver.account), id_column(receiver.id));
        let deleted = self
            .write_alone(Timestamp::MIN, move |batch| {
                let sql = "DELETE FROM receiver WHERE id = ?1 AND account = ?2";
                Ok(batch.connection.execute(sql, [id, account])? == 1)
            })
            .await?;
        if deleted {
            // A little at a time: others wait for the same writer.
            while self.drop_deliveries(id).await? == DROPPED_AT_ONCE {}
        }
        Ok(deleted)
    }

    async fn drop_deliveries(&self, receiver: i64) -> Result<usize, StoreError> {
        const DELETE: &str = "DELETE FROM delivery WHERE receiver = ?1 AND event IN \
             (SELECT event FROM delivery WHERE receiver = ?1 LIMIT ?2)";
        self.write(Timestamp::MIN, move |batch| {
            Ok(batch
                .connection
                .execute(DELETE, params![receiver, DROPPED_AT_ONCE as i64])?)
        })
        .await
    }

    pub(crate) async fn list_receivers(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<Receiver>, StoreError> {
        let keys = Arc::clone(&self.inner.shared.keys);
        self.read(move |connection| read_receivers(connection, &keys, account))
            .await
    }
}

/// A receiver's id as an integer column.
pub(super) fn id_column(id: ReceiverId) -> i64 {
    id.number().cast_signed()
}

/// Reads [`id_column`].
pub(super) fn id_from(column: i64) -> ReceiverId {
    ReceiverId::new(column.cast_unsigned())
}

fn sealed_token(keys: &Keyring, receiver: &Receiver) -> Result<Vec<u8>, StoreError> {
    keys.seal(
        receiver.token.reveal().as_bytes(),
        receiver.id.to_string().as_bytes(),
    )
}

fn read_receivers(
    connection: &Connection,
    keys: &Keyring,
    account: Option<AccountId>,
) -> Result<Vec<Receiver>, StoreError> {
    const SELECT: &str = "SELECT id, account, url, kinds, token, ca_pem, paused, created_at, \
         changed_at FROM receiver WHERE ?1 IS NULL OR account = ?1 ORDER BY created_at, id";
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare_cached(SELECT).map_err(fault)?;
    let mut rows = statement
        .query([account.map(account_column)])
        .map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read_receiver(row, keys)?);
    }
    Ok(found)
}

fn read_receiver(row: &Row<'_>, keys: &Keyring) -> Result<Receiver, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let id = id_from(row.get(0).map_err(fault)?);
    let sealed: Vec<u8> = row.get(4).map_err(fault)?;
    let token = keys.open(&sealed, id.to_string().as_bytes())?;
    let token = std::str::from_utf8(&token).map_err(|_| damaged("a callback's token"))?;
    Ok(Receiver {
        id,
        account: account_from(row.get(1).map_err(fault)?)?,
        url: row.get(2).map_err(fault)?,
        kinds: Kinds::from_bits(row.get(3).map_err(fault)?),
        token: Secret::new(token.to_owned()),
        ca_pem: row.get(5).map_err(fault)?,
        paused: row.get(6).map_err(fault)?,
        created_at: Timestamp::from_unix_ms(row.get(7).map_err(fault)?),
        changed_at: Timestamp::from_unix_ms(row.get(8).map_err(fault)?),
    })
}
