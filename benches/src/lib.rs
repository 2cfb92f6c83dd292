//! What the benchmarks have in common: a made-up world of numbers, parties and bindings that is
//! the same in every run.
//!
//! Nothing here is part of the product, and no test depends on how long anything takes.

pub mod cpu;
pub mod memory;
pub mod processes;
pub mod samples;
#[cfg(feature = "media")]
pub mod sound;
pub mod world;
