//! Events reach their receivers: at least once, in order for each call, whatever receivers,
//! networks and nodes do, and nothing reaches a private address.
//!
//! The receiver is a real HTTPS server that misbehaves on order. Nothing is timed: a test waits for
//! what must happen and fails when it has waited far too long.

#[path = "../authority.rs"]
mod authority;
mod calls;
mod guide;
mod house;
mod kill;
mod misbehaving;
mod nodes;
mod others;
mod private;
mod receiver;
mod restricted;
mod throughput;
