//! Trunks.

use axbridge_domain::trunk::TrunkName;
use tokio_postgres::Row;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    rows::column,
    text::{escaped, unescaped},
};
use crate::{
    error::StoreError,
    model::{TrunkRecord, TrunkRow},
};

impl PostgresStore {
    pub(crate) async fn create_trunk(&self, record: &TrunkRecord) -> Result<bool, StoreError> {
        let row = TrunkRow::seal(record, &self.core.keys)?;
        until_done!(create(&self.core, &row))
    }

    pub(crate) async fn replace_trunk(&self, record: &TrunkRecord) -> Result<bool, StoreError> {
        let row = TrunkRow::seal(record, &self.core.keys)?;
        until_done!(replace(&self.core, &row))
    }

    pub(crate) async fn remove_trunk(&self, name: &TrunkName) -> Result<bool, StoreError> {
        until_done!(remove(&self.core, name))
    }

    pub(crate) async fn trunks(&self) -> Result<Vec<TrunkRecord>, StoreError> {
        until_done!(trunks(&self.core))
    }
}

async fn create(core: &Core, row: &TrunkRow) -> Result<bool, Fault> {
    let client = core.client().await?;
    let made = client
        .execute(
            "INSERT INTO trunk (name, fields, outbound_secret, inbound_secret, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING",
            &[
                &row.name,
                &escaped(&row.fields),
                &row.outbound_secret,
                &row.inbound_secret,
                &row.created_at,
            ],
        )
        .await?;
    Ok(made == 1)
}

async fn replace(core: &Core, row: &TrunkRow) -> Result<bool, Fault> {
    let client = core.client().await?;
    let replaced = client
        .execute(
            "UPDATE trunk SET fields = $2, outbound_secret = $3, inbound_secret = $4
             WHERE name = $1",
            &[
                &row.name,
                &escaped(&row.fields),
                &row.outbound_secret,
                &row.inbound_secret,
            ],
        )
        .await?;
    Ok(replaced == 1)
}

async fn remove(core: &Core, name: &TrunkName) -> Result<bool, Fault> {
    let client = core.client().await?;
    let removed = client
        .execute("DELETE FROM trunk WHERE name = $1", &[&name.as_str()])
        .await?;
    Ok(removed == 1)
}

async fn trunks(core: &Core) -> Result<Vec<TrunkRecord>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "SELECT name, fields, outbound_secret, inbound_secret, created_at FROM trunk
             ORDER BY name",
        )
        .await?;
    let rows = client.query(&statement, &[]).await?;
    let read = |row: &Row| trunk_row(row)?.open(&core.keys);
    let trunks: Result<Vec<_>, StoreError> = rows.iter().map(read).collect();
    Ok(trunks?)
}

fn trunk_row(row: &Row) -> Result<TrunkRow, StoreError> {
    Ok(TrunkRow {
        name: column(row, "name")?,
        fields: unescaped(column(row, "fields")?),
        outbound_secret: column(row, "outbound_secret")?,
        inbound_secret: column(row, "inbound_secret")?,
        created_at: column(row, "created_at")?,
    })
}
