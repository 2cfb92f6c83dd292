//! Where events stand: in the outbox, but for "bound", which is the binding's own row. Both count
//! on together, so that together they are in order.

use crate::model::Topic;

/// The columns of an event.
pub(super) const EVENT_COLUMNS: &str = "o.id, o.account, o.topic, o.subject, o.at";

/// The statement that reads events after the id `after` that meet the condition, as rows of a table
/// `o`. `ORDER BY 1` behind it merges the two halves if the first column is the id, in which they
/// lie already.
pub(super) fn events(columns: &str, after: &str, condition: &str) -> String {
    let bound = Topic::BindingBound.name();
    format!(
        "SELECT {columns} FROM outbox o WHERE o.id > {after} AND {condition} \
         UNION ALL SELECT {columns} FROM (SELECT seq AS id, account, '{bound}' AS topic, \
         sub_id AS subject, created_at AS at FROM binding \
         WHERE seq > max({after}, (SELECT bound_after FROM delivery_cursor))) o WHERE {condition}"
    )
}
