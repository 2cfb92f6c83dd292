//! Listings of numbers and bindings.

use axbridge_domain::{
    account::AccountId, binding::Binding, phone::PhoneNumber, pool::PoolKind, time::Timestamp,
};

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    filter::Filter,
    look::{LIVE_LOAD, state_of},
    rows::{
        BINDING_COLUMNS, BindingRow, account_column, city_column, city_of, column, count_column,
        count_of, load_of, number_column, number_columns, number_of, pool_column, pool_of,
        unreadable,
    },
    text::{escaped, unescaped},
};
use crate::{
    error::StoreError,
    model::{BindingFilter, BindingRef, NumberFilter, NumberRow, Page, Paged},
};

impl PostgresStore {
    pub(crate) async fn list_numbers(
        &self,
        filter: &NumberFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        let now = self.core.moment(now);
        until_done!(numbers(&self.core, filter, None, page, now))
    }

    pub(crate) async fn scroll_numbers(
        &self,
        filter: &NumberFilter,
        after: Option<PhoneNumber>,
        limit: u64,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        let now = self.core.moment(now);
        let page = Page { offset: 0, limit };
        until_done!(numbers(&self.core, filter, after, page, now))
    }

    pub(crate) async fn binding(
        &self,
        binding: BindingRef,
        now: Timestamp,
    ) -> Result<Option<Binding>, StoreError> {
        self.core.moment(now);
        until_done!(one_binding(&self.core, binding))
    }

    pub(crate) async fn list_bindings(
        &self,
        account: AccountId,
        filter: &BindingFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<Binding>, StoreError> {
        let now = self.core.moment(now);
        until_done!(bindings(&self.core, account, filter, page, now))
    }
}

async fn numbers(
    core: &Core,
    filter: &NumberFilter,
    after: Option<PhoneNumber>,
    page: Page,
    now: Timestamp,
) -> Result<Paged<NumberRow>, Fault> {
    let mut filters = number_conditions(filter);
    let client = core.client().await?;
    let count = format!(
        "SELECT count(*) FROM number n JOIN pool p ON p.account = n.account AND p.pool = n.pool
         WHERE {}",
        filters.text()
    );
    let total: i64 = client
        .query_one(&count, &filters.values())
        .await?
        .try_get(0)?;
    if let Some(after) = after {
        filters.and("n.x > ?", number_column(after));
    }
    let condition = filters.text().to_owned();
    let moment = filters.place(now.unix_ms());
    let limit = filters.place(count_column(page.limit));
    let offset = filters.place(count_column(page.offset));
    // The page is cut before loads are looked up.
    let select = format!(
        "SELECT n.x, n.city, n.state, n.pool, n.name, n.kind, n.imported_at,
                l.ax, l.axb, l.ax_exclusive, l.axb_exclusive
         FROM (SELECT n.*, p.name, p.kind
               FROM number n JOIN pool p ON p.account = n.account AND p.pool = n.pool
               WHERE {condition} ORDER BY n.x LIMIT {limit} OFFSET {offset}) n
         {} ORDER BY n.x",
        LIVE_LOAD.replace("$2", &moment)
    );
    let mut rows = Vec::new();
    for row in client.query(&select, &filters.values()).await? {
        let kind: i16 = column(&row, "kind")?;
        rows.push(NumberRow {
            x: number_of(column(&row, "x")?)?,
            city: city_of(column(&row, "city")?),
            state: state_of(column(&row, "state")?)?,
            pool: pool_of(column(&row, "pool")?)?,
            pool_name: unescaped(column(&row, "name")?),
            kind: PoolKind::from_code(kind.into()).ok_or_else(|| unreadable("a pool's kind"))?,
            imported_at: Timestamp::from_unix_ms(column(&row, "imported_at")?),
            load: load_of(&row)?,
        });
    }
    Ok(Paged {
        rows,
        total: count_of(total),
    })
}

fn number_conditions(filter: &NumberFilter) -> Filter {
    let mut filters = Filter::default();
    let code = |code: i64| i16::try_from(code).unwrap_or(0);
    if let Some(account) = filter.account {
        filters.and("n.account = ?", account_column(account));
    }
    if let Some(pool) = filter.pool {
        filters.and("n.pool = ?", pool_column(pool));
    }
    if let Some(kind) = filter.kind {
        filters.and("p.kind = ?", code(kind.code()));
    }
    match filter.state {
        Some(state) => filters.and("n.state = ?", code(state.code())),
        None => filters.and_always("n.state <> 4"),
    }
    if !filter.numbers.is_empty() {
        filters.and("n.x = ANY (?)", number_columns(&filter.numbers));
    }
    if let Some(landline) = filter.landline {
        filters.and("n.landline = ?", landline);
    }
    if let Some(city) = filter.city {
        filters.and("n.city = ?", city_column(Some(city)));
    }
    filters
}

async fn one_binding(core: &Core, binding: BindingRef) -> Result<Option<Binding>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "SELECT {BINDING_COLUMNS} FROM binding b
             WHERE b.account = $1 AND b.sub_id = $2 AND ($3::int8 IS NULL OR b.pool = $3)"
        ))
        .await?;
    let row = client
        .query_opt(
            &statement,
            &[
                &account_column(binding.account),
                &binding.sub_id.to_string(),
                &binding.pool.map(pool_column),
            ],
        )
        .await?;
    match row {
        Some(row) => Ok(Some(
            BindingRow::read(&row, binding.account, &core.keys)?.binding,
        )),
        None => Ok(None),
    }
}

async fn bindings(
    core: &Core,
    account: AccountId,
    filter: &BindingFilter,
    page: Page,
    now: Timestamp,
) -> Result<Paged<Binding>, Fault> {
    let mut filters = binding_conditions(core, account, filter, now);
    let client = core.client().await?;
    let count = format!("SELECT count(*) FROM binding b WHERE {}", filters.text());
    let total: i64 = client
        .query_one(&count, &filters.values())
        .await?
        .try_get(0)?;
    let condition = filters.text().to_owned();
    let limit = filters.place(count_column(page.limit));
    let offset = filters.place(count_column(page.offset));
    let select = format!(
        "SELECT {BINDING_COLUMNS} FROM binding b WHERE {condition}
         ORDER BY b.sub_id DESC LIMIT {limit} OFFSET {offset}"
    );
    let mut rows = Vec::new();
    for row in client.query(&select, &filters.values()).await? {
        rows.push(BindingRow::read(&row, account, &core.keys)?.binding);
    }
    Ok(Paged {
        rows,
        total: count_of(total),
    })
}

fn binding_conditions(
    core: &Core,
    account: AccountId,
    filter: &BindingFilter,
    now: Timestamp,
) -> Filter {
    let key = |number: PhoneNumber| core.keys.party_key(account, number).as_bytes().to_vec();
    let mut filters = Filter::default();
    filters.and("b.account = ?", account_column(account));
    if let Some(pool) = filter.pool {
        filters.and("b.pool = ?", pool_column(pool));
    }
    if let Some(a) = filter.a {
        filters.and("b.a_key = ?", key(a));
    }
    if let Some(b) = filter.b {
        filters.and("b.b_key = ?", key(b));
    }
    if let Some(x) = filter.x {
        filters.and("b.x = ?", number_column(x));
    }
    if let Some(number) = filter.any_role {
        let x = filters.place(number_column(number));
        let condition = format!("(b.a_key = ? OR b.b_key = ? OR b.x = {x})");
        filters.and(&condition, key(number));
    }
    if let Some(sub_id) = filter.sub_id {
        filters.and("b.sub_id = ?", sub_id.to_string());
    }
    if let Some(out_id) = &filter.out_id {
        filters.and("b.out_id = ?", escaped(out_id).into_owned());
    }
    match filter.live {
        Some(true) => filters.and(
            "(b.ended_at IS NULL AND b.counted AND b.expires_at > ?)",
            now.unix_ms(),
        ),
        Some(false) => filters.and(
            "(b.ended_at IS NOT NULL OR NOT b.counted OR b.expires_at <= ?)",
            now.unix_ms(),
        ),
        None => {}
    }
    filters
}
