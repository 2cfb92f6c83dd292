//! The table of actions: everything the API can do. One action, one file: its
//! parameters, its result, its errors, its documentation and its handler.

mod parameters;
mod shapes;
mod unbind_axb;

use crate::action::Action;

/// Every action, in the order of the reference page: the vendor's first, then
/// our extensions.
pub const ACTIONS: &[Action] = &[unbind_axb::ACTION, unbind_axb::ACTION_V2];

/// The action of that name or alias, in any case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.is_called(name))
}

#[cfg(test)]
mod tests;
