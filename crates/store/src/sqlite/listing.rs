//! WHERE clauses put together from filters. Values are always bound, never written into the SQL.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::fault::engine;
use crate::{error::StoreError, model::Page};

/// Conditions that must all hold, with the values of their question marks in order.
#[derive(Default)]
pub(super) struct Conditions {
    terms: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition with its values.
    pub(super) fn add(&mut self, term: &str, values: impl IntoIterator<Item = Value>) {
        self.terms.push(format!("({term})"));
        self.values.extend(values);
    }

    /// Adds an equality if there is something to equal.
    pub(super) fn equal<V: Into<Value>>(&mut self, column: &str, value: Option<V>) {
        if let Some(value) = value {
            self.add(&format!("{column} = ?"), [value.into()]);
        }
    }

    /// The WHERE clause; empty without conditions.
    pub(super) fn sql(&self) -> String {
        if self.terms.is_empty() {
            return String::new();
        }
        format!("WHERE {}", self.terms.join(" AND "))
    }

    /// How many rows of `from` meet the conditions.
    pub(super) fn count(&self, connection: &Connection, from: &str) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {from} {}", self.sql());
        let count: i64 = connection
            .prepare_cached(&sql)
            .and_then(|mut statement| {
                statement.query_row(params_from_iter(&self.values), |row| row.get(0))
            })
            .map_err(|error| engine(&error))?;
        Ok(count.cast_unsigned())
    }
}

/// The values of `LIMIT ? OFFSET ?`.
pub(super) fn page_columns(page: Page) -> [Value; 2] {
    let column = |count: u64| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
    [column(page.limit), column(page.offset)]
}
