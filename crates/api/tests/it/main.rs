//! The API as its clients see it: signed requests through the real router over a real store. A
//! file a scenario; no network, no sleeping, a clock that only moves when a test moves it.

mod harness;

mod access_keys;
mod accounts;
mod authentication;
mod bad_input;
mod bind_axb;
mod call_records;
mod callbacks;
mod client_shapes;
mod delete_numbers;
mod enable_or_disable_number;
mod errors;
mod explain_selection;
mod gateway;
mod idempotency;
mod import_numbers;
mod isolation;
mod number_list;
mod number_list_scroll;
mod number_pools;
mod operator_port;
mod pool_settings;
mod query_subscription;
mod query_subscription_for_list;
mod rate_limit;
mod recordings;
mod resolve_call;
mod risk;
mod select_number;
mod select_number_and_bind_axb;
mod table;
mod trunks;
mod unbind_axb;
mod update_axb;
mod upgrade_ax_to_axb;
