//! Whole calls over loopback: the real plane on a real store, and two carriers that speak SIP byte
//! by byte and keep every message they get. Every scenario ends with the search for what must not
//! have crossed from one carrier to the other: each carrier does it when it goes away, and the
//! platform searches its own log, metrics and files, so no scenario can forget to.

#[path = "../../../../tests/support/leaks.rs"]
#[allow(dead_code, unreachable_pub, reason = "other suites use the rest")]
mod leaks;

mod ear;
mod house;
mod line;
mod log;
mod papers;
mod peer;
mod rtp;
mod scene;

mod basic;
mod changes;
mod digest;
mod hostile;
mod keys;
mod limits;
mod lossy;
mod nodes;
mod sessions;
mod sound;
mod tls;
mod trouble;
