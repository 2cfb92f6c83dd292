//! What a store must do, whichever engine keeps it: every scenario runs on the embedded backend,
//! and on PostgreSQL when `TEST_DATABASE_URL` names a server on which databases may be created.
//!
//! Scenarios go through the public face only. Time is told, never waited for.

#[path = "../../../domain/tests/oracle/mod.rs"]
mod oracle;

#[macro_use]
mod world;

mod accounts_keys;
mod at_rest;
mod bind_named;
mod bind_select;
mod calls;
mod concurrency;
mod delivery;
mod dry_run;
mod event_times;
mod events;
mod expiry;
mod idempotency;
mod listing;
mod model;
mod numbers;
mod policies;
mod pools;
mod prompts;
mod quarantine;
mod quotas;
mod recordings;
mod reopen;
mod retention;
mod risk;
mod routing;
mod talk;
mod trunks;
mod unbind;
mod update;
mod upgrade;
