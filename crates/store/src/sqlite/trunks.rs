//! Trunks.

use std::sync::Arc;

use axbridge_domain::{time::Timestamp, trunk::TrunkName};
use rusqlite::{Row, params};

use super::{SqliteStore, fault::engine};
use crate::{
    error::StoreError,
    model::{TrunkRecord, TrunkRow},
};

impl SqliteStore {
    pub(crate) async fn create_trunk(&self, record: &TrunkRecord) -> Result<bool, StoreError> {
        const INSERT: &str = "INSERT INTO trunk (name, fields, outbound_secret, inbound_secret, \
             created_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let row = TrunkRow::seal(record, &self.inner.shared.keys)?;
        self.write_alone(Timestamp::MIN, move |batch| {
            let rows = batch.connection.prepare_cached(INSERT)?.execute(params![
                row.name,
                row.fields,
                row.outbound_secret,
                row.inbound_secret,
                row.created_at,
            ])?;
            Ok(rows == 1)
        })
        .await
    }

    pub(crate) async fn replace_trunk(&self, record: &TrunkRecord) -> Result<bool, StoreError> {
        const UPDATE: &str = "UPDATE trunk SET fields = ?2, outbound_secret = ?3, \
             inbound_secret = ?4 WHERE name = ?1";
        let row = TrunkRow::seal(record, &self.inner.shared.keys)?;
        self.write_alone(Timestamp::MIN, move |batch| {
            let rows = batch.connection.prepare_cached(UPDATE)?.execute(params![
                row.name,
                row.fields,
                row.outbound_secret,
                row.inbound_secret,
            ])?;
            Ok(rows == 1)
        })
        .await
    }

    pub(crate) async fn remove_trunk(&self, name: &TrunkName) -> Result<bool, StoreError> {
        const DELETE: &str = "DELETE FROM trunk WHERE name = ?1";
        let name = name.to_string();
        self.write_alone(Timestamp::MIN, move |batch| {
            let rows = batch.connection.prepare_cached(DELETE)?.execute([name])?;
            Ok(rows == 1)
        })
        .await
    }

    pub(crate) async fn trunks(&self) -> Result<Vec<TrunkRecord>, StoreError> {
        const SELECT: &str = "SELECT name, fields, outbound_secret, inbound_secret, created_at \
             FROM trunk ORDER BY name";
        let keys = Arc::clone(&self.inner.shared.keys);
        self.read(move |connection| {
            let read = || {
                connection
                    .prepare_cached(SELECT)?
                    .query_map([], read_trunk)?
                    .collect::<rusqlite::Result<Vec<_>>>()
            };
            let rows = read().map_err(|error| engine(&error))?;
            rows.into_iter().map(|row| row.open(&keys)).collect()
        })
        .await
    }
}

fn read_trunk(row: &Row<'_>) -> rusqlite::Result<TrunkRow> {
    Ok(TrunkRow {
        name: row.get(0)?,
        fields: row.get(1)?,
        outbound_secret: row.get(2)?,
        inbound_secret: row.get(3)?,
        created_at: row.get(4)?,
    })
}
