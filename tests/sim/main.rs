//! The simulation: seeded histories of everything that can happen to bindings, each answer and
//! every visible state held against a brute-force oracle. `docs/testing.md` says how to run more of
//! it and how to read a failure.
//!
//! | Module | What lives there |
//! |---|---|
//! | `cast` | the small world that is played in |
//! | `history`, `clients` | what happens, and who asks for what |
//! | `store`, `decide`, `disk` | a store in miniature around the pure heart, with a disk that fails |
//! | `judge` | what must be true |
//! | `heart` | the heart over the simulated store |
//! | `campaign`, `outcome` | many histories; making a failure small |
//! | `flaw` | deliberate mistakes, to prove that each is noticed |

mod campaign;
mod cast;
mod clients;
mod decide;
mod disk;
mod flaw;
mod heart;
mod history;
mod judge;
#[path = "../../crates/domain/tests/oracle/mod.rs"]
mod oracle;
mod outcome;
mod request;
mod store;

use campaign::Plan;
use flaw::Flaw;

/// Steps of the short form, which every test run makes.
const STEPS: u64 = 100_000;
const SEED: u64 = 1;
/// Steps within which each flaw must be noticed.
const STEPS_TO_NOTICE: u64 = 60_000;

/// A number from the environment, which `cargo xtask sim` sets for the long form.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} needs a number, not {text:?}")),
    )
}

fn plan() -> Plan {
    Plan {
        seed: setting("AXBRIDGE_SIM_SEED").unwrap_or(SEED),
        steps: setting("AXBRIDGE_SIM_STEPS").unwrap_or(STEPS),
        threads: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        flaw: None,
        chatty: setting("AXBRIDGE_SIM_STEPS").is_some(),
    }
}

#[test]
fn the_heart_keeps_its_promises_in_every_history() {
    let plan = plan();
    if let Some(index) = setting("AXBRIDGE_SIM_ONLY") {
        let steps = history::history(plan.seed, index);
        let breach = heart::run(&steps, None, false).breach;
        assert!(breach.is_none(), "{}", campaign::explain(plan, index).story);
        println!("history {index} of seed {} keeps every promise", plan.seed);
        return;
    }
    match campaign::run(plan) {
        Ok(report) => println!(
            "heart: seed {}, {} steps in {} histories, digest {:016x}",
            plan.seed, report.steps, report.histories, report.digest
        ),
        Err(failure) => panic!("{}", failure.story),
    }
}

#[test]
fn the_same_seed_gives_the_same_run_on_any_number_of_threads() {
    let run = |seed, threads| {
        let plan = Plan {
            seed,
            steps: 3_000,
            threads,
            flaw: None,
            chatty: false,
        };
        campaign::run(plan).expect("every promise is kept").digest
    };
    assert_eq!(run(7, 1), run(7, 2));
    assert_ne!(run(7, 1), run(8, 1));
}

#[test]
fn every_flaw_of_a_store_is_noticed_and_told_in_few_steps() {
    for flaw in Flaw::ALL {
        let plan = Plan {
            seed: 3,
            steps: STEPS_TO_NOTICE,
            threads: 1,
            flaw: Some(flaw),
            chatty: false,
        };
        let Err(failure) = campaign::run(plan) else {
            panic!("{flaw:?} went unnoticed for {STEPS_TO_NOTICE} steps");
        };
        println!("{flaw:?}: {}", failure.story);
        assert!(failure.steps.len() <= 16, "{flaw:?}: {}", failure.story);
        let again = heart::run(&failure.steps, Some(flaw), false).breach;
        assert_eq!(again, Some(failure.breach), "{flaw:?}");
        let sound = heart::run(&failure.steps, None, false).breach;
        assert_eq!(
            sound, None,
            "{flaw:?}: the history is at fault, not the flaw"
        );
    }
}
