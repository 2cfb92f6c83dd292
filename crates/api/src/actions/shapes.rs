//! Results that several actions share.

use crate::action::{Field, FieldKind, ResultShape};

/// What the `…V2` actions answer.
pub(super) const SUCCESS: ResultShape = ResultShape::Object(&[Field::new(
    "Success",
    FieldKind::Boolean,
    "`true`; failures travel as `Error`.",
)]);

/// A page of a list: `Records` of the given kind and how many there are in all.
pub(super) const fn page(records: FieldKind) -> [Field; 4] {
    [
        Field::new("Records", records, "The records of this page."),
        Field::new("Limit", FieldKind::Integer, "The page size that counted."),
        Field::new("Offset", FieldKind::Integer, "How many were passed over."),
        Field::new("Total", FieldKind::Integer, "How many fit in all."),
    ]
}
