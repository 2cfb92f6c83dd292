//! Durable state: accounts, keys, pools, numbers, bindings, events.
//!
//! **Invariant: each method is one atomic operation with a domain name**, and both backends mean
//! the same by it; one conformance suite holds them to that. No HTTP here, and no policy: rules
//! come from the domain crate, time and chance from the caller.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`model`] | what goes in and out of the store |
//! | [`recording`], [`risk`] | the same, of recordings and of risk control |
//! | [`delivery`] | receivers of events, and what is owed to them |
//! | [`error`] | why it did not |
//! | [`keyring`] | sealing of real numbers and secrets, the blind index |
//! | `call_key` | the key of a month's calls, and its destruction |
//! | [`counters`] | what the store counts about itself |
//! | `migrate` | versions and checksums of the schema |
//! | `sqlite` | the embedded default: memory decides, one appended row makes durable, group commit |
//! | `postgres` | many nodes on one database: the engine's unique key decides, node-side batches |

mod call_key;
mod call_private;
pub mod counters;
pub mod delivery;
pub mod error;
pub mod keyring;
mod migrate;
pub mod model;
mod postgres;
pub mod recording;
pub mod risk;
mod sealed;
mod sqlite;
mod store;

pub use store::{Location, Store, StoreOptions};
