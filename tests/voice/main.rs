//! Calls through the real program: real SIP and sound over loopback, two carriers on hosts of their
//! own, and at the end of each scenario the search for what one side must not learn of the other,
//! and for what must not be left lying about.

mod house;

mod callbacks;
mod display;
mod exports;
mod hostile;
mod limits;
mod prompts;
mod recording_told;
mod recordings;
mod refusals;
mod stopping;
mod talk;
mod two_nodes;
