//! Results that several actions share.

use crate::action::{Field, FieldKind, ResultShape};

/// What the `…V2` actions answer.
pub(super) const SUCCESS: ResultShape = ResultShape::Object(&[Field::new(
    "Success",
    FieldKind::Boolean,
    "`true`; failures travel as `Error`.",
)]);
