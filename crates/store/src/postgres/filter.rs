//! Conditions of a listing that depend on what was asked for.

use tokio_postgres::types::ToSql;

/// A WHERE clause in the making, with the values of its places.
#[derive(Default)]
pub(super) struct Filter {
    text: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Filter {
    /// Adds a condition; each `?` in it stands for `value`.
    pub(super) fn and(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        let place = self.place(value);
        self.and_always(&condition.replace('?', &place));
    }

    /// Adds a condition without a value.
    pub(super) fn and_always(&mut self, condition: &str) {
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(condition);
    }

    /// Adds a value and answers its place, such as `$3`.
    pub(super) fn place(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    /// The conditions; `true` when there are none.
    pub(super) fn text(&self) -> &str {
        if self.text.is_empty() {
            "true"
        } else {
            &self.text
        }
    }

    /// The values in the order of their places.
    pub(super) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect()
    }
}
