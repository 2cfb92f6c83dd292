//! Whole calls over loopback: the real plane on a real store, and two carriers that speak SIP byte
//! by byte and keep every message they get. Every scenario ends with the search for what must not
//! have crossed from one carrier to the other.

mod hostile;
mod house;
mod line;
mod peer;
mod scene;

mod basic;
mod changes;
mod nodes;
mod sound;
mod trouble;
