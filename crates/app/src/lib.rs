//! Use cases that the API, the console, the voice plane and the command line share.
//!
//! **Invariant: no wire formats.** Requests come in as domain values and answers go out as domain
//! values; JSON, HTTP, SIP and SQL are other crates' business. What a rule decides is decided in
//! the domain crate; what must be atomic is one call of the store.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`app`] | [`App`]: store, clock, chance, numbering, metrics, built in one place |
//! | [`bind`], [`bindings`] | make, change, end and find bindings |
//! | [`pools`], [`numbers`] | number pools and the numbers in them |
//! | [`accounts`] | accounts and access keys |
//! | [`call_prompts`] | the prompts that calls play |
//! | [`calls`] | who would ring, and why a selection comes out as it does |
//! | [`callbacks`] | who is told of events, and the telling |
//! | [`records`] | what a call leaves, as clients are told of it |
//! | [`recordings`] | recordings and their transcripts: kept, handed out, destroyed |
//! | [`risk`] | blacklists, frequency windows, what they forbid |
//! | [`places`] | limits of calls at once where several nodes carry calls |
//! | [`sweep`], [`retention`] | the chores that time brings; the end of what is kept |
//! | [`prompts`] | what callers hear before they are connected |
//! | [`trunks`], [`voice`] | the SIP peers over which calls come and go; what is asked of this node's voice plane |
//! | [`error`] | why a use case was refused |
//! | [`clock`], [`chance`], [`metrics`] | the moment, the dice, the counts |

pub mod accounts;
pub mod app;
pub mod bind;
pub mod bindings;
pub mod call_prompts;
pub mod callbacks;
pub mod calls;
pub mod chance;
pub mod clock;
pub mod error;
pub mod metrics;
pub mod numbers;
pub mod places;
pub mod pools;
pub mod prompts;
pub mod recordings;
pub mod records;
pub mod retention;
pub mod risk;
pub mod sweep;
pub mod trunks;
pub mod voice;

pub use app::{App, AppSettings};
pub use error::AppError;

/// What use cases take and give, as the store knows it.
pub use axbridge_store::{error::DeleteRefusal, keyring::Secret, model};
