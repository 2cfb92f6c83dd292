//! The real program dies, and its disk and clock fail: what was answered must
//! stand, what was not must be whole or absent, and what cannot be done must be
//! said. `docs/testing.md` says how to run more of it.
//!
//! | Module | What lives there |
//! |---|---|
//! | `program`, `shim`, `cluster` | what dies and fails: the program, its disk and clock, PostgreSQL |
//! | `load`, `ledger`, `dice` | the clients, what they know, and chance |
//! | `embedded`, `shared` | rounds of death on either store |
//! | `audit` | the data itself, afterwards |
//! | `faults`, `damage` | disks and clocks that fail; files that are damaged or gone |

mod audit;
mod cluster;
mod damage;
mod dice;
mod embedded;
mod faults;
mod ledger;
mod load;
mod program;
mod shared;
mod shim;

use ledger::Tally;

/// A number from the environment, which `cargo xtask crash` sets for the long form.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} needs a number, not {text:?}")))
}

fn rounds(quick: u64) -> u64 {
    setting("AXBRIDGE_CRASH_ROUNDS").unwrap_or(quick)
}

fn seed() -> u64 {
    setting("AXBRIDGE_CRASH_SEED").unwrap_or(1)
}

fn report(what: &str, rounds: u64, tally: &Tally) {
    assert!(tally.bound > 0 && tally.resolved > 0, "{tally:?}");
    println!(
        "| {what} | {rounds} | {} | {} | {} | {} | {} |",
        tally.bound, tally.unbound, tally.unknown, tally.found, tally.resolved
    );
}

#[test]
fn the_embedded_store_keeps_what_was_answered_when_the_program_dies() {
    let rounds = rounds(4);
    report("embedded store", rounds, &embedded::rounds(rounds, seed()));
}

#[test]
fn postgres_keeps_what_was_answered_when_a_node_dies() {
    let rounds = rounds(2);
    if let Some(tally) = shared::node_rounds(rounds, seed()) {
        report("PostgreSQL, a node dies", rounds, &tally);
    }
}

#[test]
fn nodes_keep_what_was_answered_when_the_database_dies() {
    let rounds = rounds(1);
    if let Some(tally) = shared::database_rounds(rounds, seed()) {
        report("PostgreSQL itself dies", rounds, &tally);
    }
}
