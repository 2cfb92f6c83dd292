//! Calls in progress that count for limits, over all nodes.
//!
//! **Why a limit is never passed.** A call takes its place by its row, which is committed before it
//! counts the others; of two that come at once at least one sees the other. At the very edge both
//! may be refused, never both let in.

use axbridge_domain::{call::CallId, time::Timestamp};

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    rows::{account_column, count_of, number_column},
    text::escaped,
};
use crate::{error::StoreError, model::CallPlace};

/// Milliseconds since 1970 by the clock of the database, so that nodes whose clocks differ agree.
const NOW_MS: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::int8";
/// What counts: of nodes that are alive, so that the calls of a dead one do not count for ever.
const COUNTS: &str = "c.takes_place AND c.ended_at IS NULL";

impl PostgresStore {
    pub(crate) async fn database_moment(&self) -> Result<Option<Timestamp>, StoreError> {
        until_done!(database_moment(&self.core)).map(Some)
    }

    pub(crate) async fn keep_node(&self, node: &str, lease_ms: u32) -> Result<(), StoreError> {
        until_done!(keep_node(&self.core, node, lease_ms))
    }

    pub(crate) async fn calls_in(&self, place: &CallPlace, most: u32) -> Result<u32, StoreError> {
        until_done!(calls_in(&self.core, place, most))
    }

    pub(crate) async fn leave_places(&self, call: CallId) -> Result<(), StoreError> {
        until_done!(leave(&self.core, call))
    }

    pub(crate) async fn call_goes_by(
        &self,
        call: CallId,
        trunk: Option<&str>,
    ) -> Result<(), StoreError> {
        until_done!(goes_by(&self.core, call, trunk))
    }
}

async fn database_moment(core: &Core) -> Result<Timestamp, Fault> {
    let client = core.client().await?;
    let row = client.query_one(&format!("SELECT {NOW_MS}"), &[]).await?;
    Ok(Timestamp::from_unix_ms(row.try_get(0)?))
}

async fn keep_node(core: &Core, node: &str, lease_ms: u32) -> Result<(), Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "INSERT INTO voice_node (node, alive_until) VALUES ($1, {NOW_MS} + $2)
             ON CONFLICT (node) DO UPDATE SET alive_until = excluded.alive_until"
        ))
        .await?;
    client
        .execute(&statement, &[&escaped(node), &i64::from(lease_ms)])
        .await?;
    Ok(())
}

async fn calls_in(core: &Core, place: &CallPlace, most: u32) -> Result<u32, Fault> {
    // A bound on the work, and enough to know that it is too many.
    let most = i64::from(most);
    let client = core.client().await?;
    let alive = format!("c.node IN (SELECT node FROM voice_node WHERE alive_until > {NOW_MS})");
    let row = match place {
        CallPlace::Account(account) => {
            let statement = client
                .prepare_cached(&format!(
                    "SELECT count(*) FROM (SELECT 1 FROM call c
                     WHERE {COUNTS} AND c.account = $1 AND {alive} LIMIT $2) q"
                ))
                .await?;
            let account = account_column(*account);
            client.query_one(&statement, &[&account, &most]).await?
        }
        CallPlace::X(account, x) => {
            let statement = client
                .prepare_cached(&format!(
                    "SELECT count(*) FROM (SELECT 1 FROM call c
                     WHERE {COUNTS} AND c.account = $1 AND c.x = $2 AND {alive} LIMIT $3) q"
                ))
                .await?;
            let (account, x) = (account_column(*account), number_column(*x));
            client.query_one(&statement, &[&account, &x, &most]).await?
        }
        CallPlace::Trunk(trunk) => {
            // Both legs of a call count.
            let statement = client
                .prepare_cached(&format!(
                    "SELECT count(*) FROM (
                         SELECT 1 FROM call c WHERE {COUNTS} AND c.trunk = $1 AND {alive}
                         UNION ALL
                         SELECT 1 FROM call c WHERE {COUNTS} AND c.out_trunk = $1 AND {alive}
                         LIMIT $2) q"
                ))
                .await?;
            let trunk = escaped(trunk.as_str());
            client.query_one(&statement, &[&trunk, &most]).await?
        }
    };
    let count = count_of(row.try_get(0)?);
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

async fn leave(core: &Core, call: CallId) -> Result<(), Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached("UPDATE call SET takes_place = false WHERE id = $1 AND ended_at IS NULL")
        .await?;
    client.execute(&statement, &[&call.to_string()]).await?;
    Ok(())
}

async fn goes_by(core: &Core, call: CallId, trunk: Option<&str>) -> Result<(), Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached("UPDATE call SET out_trunk = $2 WHERE id = $1 AND ended_at IS NULL")
        .await?;
    let trunk = trunk.map(|trunk| escaped(trunk).into_owned());
    client
        .execute(&statement, &[&call.to_string(), &trunk])
        .await?;
    Ok(())
}
