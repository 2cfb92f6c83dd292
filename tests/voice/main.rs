//! Calls through the real program: real SIP and sound over loopback, two carriers on hosts of their
//! own, and at the end of each scenario the search for what one side must not learn of the other,
//! and for what must not be left lying about.

#[path = "../authority.rs"]
mod authority;
mod database;
mod house;

mod baresip;
mod callbacks;
mod display;
mod exports;
mod guide;
mod hostile;
mod kamailio;
mod limits;
mod metrics;
mod prompts;
mod recording_told;
mod recordings;
mod refusals;
mod sipp;
mod stopping;
mod talk;
mod trace;
mod two_nodes;
