//! What many callers at once must not break, on the real stores.
//!
//! | Module | What lives there |
//! |---|---|
//! | `checker` | whether some order explains a history of overlapping requests |
//! | `model`, `held` | a pool as a value: what one node alone would answer |
//! | `play`, `ask` | histories, and how the model's questions are put to a store |
//! | `bad_histories` | histories made by hand, to prove that the checker notices |
//! | `clocks` | nodes whose clocks differ |
//! | `hot_spots` | everybody wants the same |
//! | `venue` | the stores to do it on |
//!
//! `AXBRIDGE_HISTORIES` asks for more histories than the tests' few, `AXBRIDGE_HISTORY_SEED` for
//! others; `docs/testing.md` has the command.

mod ask;
mod bad_histories;
mod checker;
mod clocks;
mod held;
mod hot_spots;
mod model;
mod play;
mod venue;

use play::{Jumps, assert_explained, history};
use venue::Engine;

/// Histories of each engine in the short form.
const HISTORIES: u64 = 3;
/// Rounds of a history, 32 requests each.
const ROUNDS: u32 = 8;
const SEED: u64 = 1;

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} needs a number, not {text:?}"))
    })
}

async fn every_answer_is_explained(engine: Engine, jumps: Jumps) {
    let first = setting("AXBRIDGE_HISTORY_SEED", SEED);
    let mut answers = 0;
    for seed in first..first + setting("AXBRIDGE_HISTORIES", HISTORIES) {
        let Some(heard) = history(engine, jumps, ROUNDS, seed).await else {
            return;
        };
        answers += heard.len();
        assert_explained(&format!("{engine:?}, {jumps:?}, seed {seed}"), &heard);
    }
    println!("{engine:?}, {jumps:?}: {answers} answers explained");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_order_explains_every_answer_of_the_embedded_store() {
    every_answer_is_explained(Engine::Embedded, Jumps::AnyTime).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_order_explains_every_answer_of_two_nodes() {
    every_answer_is_explained(Engine::Shared(2), Jumps::InPeace).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_order_explains_every_answer_of_four_nodes() {
    every_answer_is_explained(Engine::Shared(4), Jumps::InPeace).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_order_explains_every_answer_of_nodes_whose_requests_span_a_jump_of_the_clock() {
    every_answer_is_explained(Engine::Shared(2), Jumps::AnyTime).await;
}
