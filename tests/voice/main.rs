//! Calls through the real program: real SIP and sound over loopback, two carriers on hosts of their
//! own, and after each scenario the search for what one side must not learn of the other.

mod house;

mod display;
mod limits;
mod recording_told;
mod recordings;
mod refusals;
mod stopping;
mod talk;
mod two_nodes;
