//! The table of actions: everything the API can do. One action, one file: its
//! parameters, its result, its errors, its documentation and its handler.

mod bind_axb;
mod binding;
mod parameters;
mod query_subscription;
mod query_subscription_for_list;
mod select_number_and_bind_axb;
mod shapes;
mod subscription;
mod unbind_axb;
mod update_axb;
mod upgrade_ax_to_axb;

use crate::action::Action;

/// Every action, in the order of the reference page: the vendor's first, then
/// our extensions.
pub const ACTIONS: &[Action] = &[
    select_number_and_bind_axb::ACTION,
    bind_axb::ACTION,
    unbind_axb::ACTION,
    unbind_axb::ACTION_V2,
    update_axb::ACTION,
    upgrade_ax_to_axb::ACTION,
    query_subscription::ACTION,
    query_subscription_for_list::ACTION,
];

/// The action of that name or alias, in any case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.is_called(name))
}

#[cfg(test)]
mod tests;
