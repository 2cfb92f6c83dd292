//! Where a call goes: one indexed read, judged at the moment of the call.

use axbridge_domain::{
    account::AccountId,
    inventory::NumberState,
    route::Selector,
    route_table::{Resolution, RouteStanding, resolve_standings},
    time::Timestamp,
};
use tokio_postgres::Row;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    look::{standing_from, state_of},
    rows::{BINDING_COLUMNS, BindingRow, account_column, column, number_column, pool_of},
};
use crate::{
    error::StoreError,
    model::{CallQuery, CallRoute},
};

impl PostgresStore {
    pub(crate) async fn route_call(
        &self,
        query: CallQuery,
        now: Timestamp,
    ) -> Result<CallRoute, StoreError> {
        let now = self.core.moment(now);
        until_done!(route_call(&self.core, query, now))
    }
}

async fn route_call(core: &Core, query: CallQuery, now: Timestamp) -> Result<CallRoute, Fault> {
    let Some(account) = core.account_of_number(query.x).await? else {
        return Ok(CallRoute::UnknownNumber);
    };
    let caller = query
        .caller
        .map(|caller| Selector::Caller(core.keys.party_key(account, caller)));
    let extension = query.extension.map(Selector::Extension);
    let rows = read(
        core,
        account,
        query,
        [caller, extension, Some(Selector::Any)],
    )
    .await?;
    let Some(first) = rows.first() else {
        return Ok(CallRoute::UnknownNumber);
    };
    match state_of(column(first, "number_state")?)? {
        NumberState::Enabled => {}
        NumberState::Deregistered => return Ok(CallRoute::UnknownNumber),
        NumberState::UserDisabled | NumberState::PlatformDisabled => {
            return Ok(CallRoute::NumberDisabled { account });
        }
    }
    let pool = pool_of(column(first, "number_pool")?)?;
    let missing = || StoreError::Internal(format!("{} has no pool", query.x));
    let quarantine_ms = core
        .find_pool(pool)
        .await?
        .ok_or_else(missing)?
        .rules
        .quarantine_ms;
    let mut standings = Vec::new();
    for row in &rows {
        if column::<Option<&[u8]>>(row, "selector")?.is_some() {
            let moment = moment_of(row, now)?;
            standings.push(standing_from(row, moment, core.options.remember_ms)?);
        }
    }
    let stand = |wanted: Selector| {
        standings
            .iter()
            .find(|(selector, _)| *selector == wanted)
            .map_or(RouteStanding::Free, |(_, standing)| *standing)
    };
    // No mode that this backend binds yet has extensions of its own.
    let has_extensions = false;
    let resolution = resolve_standings(
        caller.map_or(RouteStanding::Free, stand),
        extension.map(stand),
        stand(Selector::Any),
        has_extensions,
        now,
        quarantine_ms,
    );
    answer(core, account, &rows, resolution)
}

/// The moment to judge a route at. One that its binding gave up is over on every node at once,
/// also where the clock lags behind that of the node which ended it.
fn moment_of(row: &Row, now: Timestamp) -> Result<Timestamp, StoreError> {
    let live_until: i64 = column(row, "live_until")?;
    let expires_at: i64 = column(row, "expires_at")?;
    let was_unbound = column::<Option<i64>>(row, "ended_at")?.is_some();
    let given_up = was_unbound || live_until != expires_at;
    Ok(if given_up {
        now.max(Timestamp::from_unix_ms(live_until))
    } else {
        now
    })
}

/// The number, with the routes of these selectors and their bindings: a row each, or one without
/// a route.
async fn read(
    core: &Core,
    account: AccountId,
    query: CallQuery,
    selectors: [Option<Selector>; 3],
) -> Result<Vec<Row>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "SELECT n.state AS number_state, n.pool AS number_pool,
                    r.selector, r.callee, r.live_until, {BINDING_COLUMNS}
             FROM number n
             LEFT JOIN (route r JOIN binding b ON b.account = r.account AND b.sub_id = r.sub_id)
                 ON r.account = n.account AND r.x = n.x AND r.selector = ANY ($3)
             WHERE n.account = $1 AND n.x = $2"
        ))
        .await?;
    let selectors: Vec<Vec<u8>> = selectors
        .into_iter()
        .flatten()
        .map(|selector| selector.to_bytes().to_vec())
        .collect();
    Ok(client
        .query(
            &statement,
            &[
                &account_column(account),
                &number_column(query.x),
                &selectors,
            ],
        )
        .await?)
}

fn answer(
    core: &Core,
    account: AccountId,
    rows: &[Row],
    resolution: Resolution,
) -> Result<CallRoute, Fault> {
    Ok(match resolution {
        Resolution::AskExtension => CallRoute::AskExtension { account },
        Resolution::Ended { sub_id } => CallRoute::Ended { sub_id, account },
        Resolution::NoBinding => CallRoute::NoBinding { account },
        Resolution::Connect { sub_id, callee } => {
            let own = rows.iter().find(|row| {
                column::<Option<&str>>(row, "sub_id")
                    .is_ok_and(|text| text == Some(sub_id.to_string().as_str()))
            });
            let missing = || StoreError::Internal(format!("{sub_id} has routes and no binding"));
            let found = BindingRow::read(own.ok_or_else(missing)?, account, &core.keys)?;
            let terms = &found.binding.terms;
            let rung = if found.shape.a() == callee {
                Some(terms.a)
            } else {
                terms.b
            };
            CallRoute::Connect {
                callee: rung.ok_or_else(missing)?,
                binding: found.binding,
            }
        }
    })
}
