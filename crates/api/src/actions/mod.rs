//! The table of actions: everything the API can do. One action, one file: its
//! parameters, its result, its errors, its documentation and its handler.

mod account_records;
mod add_black_list;
mod bind_axb;
mod binding;
mod call_records;
mod callback_records;
mod create_access_key;
mod create_number_pool;
mod create_trunk;
mod delete_black_list;
mod delete_callback;
mod delete_numbers;
mod delete_trunk;
mod disable_access_key;
mod enable_or_disable_number;
mod explain_selection;
mod import_numbers;
mod list_access_keys;
mod list_accounts;
mod list_black_list;
mod list_callbacks;
mod list_calls;
mod list_events;
mod list_frequency_limits;
mod list_trunks;
mod number_list;
mod number_list_scroll;
mod number_pool_list;
mod number_records;
mod parameters;
mod pool_records;
mod prompt_actions;
mod query_audio_record_file_url;
mod query_audio_record_to_text_file_url;
mod query_call_record_msg;
mod query_can_call;
mod query_subscription;
mod query_subscription_for_list;
mod replay_events;
mod resolve_call;
mod risk_parameters;
mod scroll_token;
mod select_number;
mod select_number_and_bind_axb;
mod set_callback;
mod set_frequency_limits;
mod shapes;
mod subscription;
mod test_callback;
mod test_trunk;
mod trunk_records;
mod unbind_axb;
mod update_account;
mod update_axb;
mod update_number_pool;
mod update_pool_settings;
mod update_trunk;
mod upgrade_ax_to_axb;

pub(crate) use number_records::china_time;

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
    query_call_record_msg::ACTION,
    query_call_record_msg::ACTION_V2,
    create_number_pool::ACTION,
    update_number_pool::ACTION,
    update_number_pool::ACTION_V2,
    number_pool_list::ACTION,
    number_list::ACTION,
    number_list_scroll::ACTION,
    select_number::ACTION,
    enable_or_disable_number::ACTION,
    query_audio_record_file_url::ACTION,
    query_audio_record_to_text_file_url::ACTION,
    query_audio_record_to_text_file_url::ACTION_V2,
    add_black_list::ACTION,
    delete_black_list::ACTION,
    query_can_call::ACTION,
    import_numbers::ACTION,
    delete_numbers::ACTION,
    update_pool_settings::ACTION,
    explain_selection::ACTION,
    resolve_call::ACTION,
    list_calls::ACTION,
    create_access_key::ACTION,
    list_access_keys::ACTION,
    disable_access_key::ACTION,
    list_accounts::ACTION,
    update_account::ACTION,
    set_callback::ACTION,
    list_callbacks::ACTION,
    test_callback::ACTION,
    delete_callback::ACTION,
    list_events::ACTION,
    replay_events::ACTION,
    list_black_list::ACTION,
    list_frequency_limits::ACTION,
    set_frequency_limits::ACTION,
    create_trunk::ACTION,
    update_trunk::ACTION,
    delete_trunk::ACTION,
    list_trunks::ACTION,
    test_trunk::ACTION,
    prompt_actions::UPLOAD,
    prompt_actions::LIST,
    prompt_actions::DELETE,
];

/// The action of that name or alias, in any case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.is_called(name))
}

#[cfg(test)]
mod tests;
