//! The simulation: seeded histories of everything that can happen to bindings, each answer and
//! every visible state held against a brute-force oracle. `docs/testing.md` says how to run more of
//! it and how to read a failure.
//!
//! | Module | What lives there |
//! |---|---|
//! | `cast` | the small world that is played in |
//! | `history`, `clients` | what happens, and who asks for what |
//! | `store`, `decide`, `disk` | a store in miniature around the pure heart, with a disk that fails |
//! | `judge`, `stock` | what must be true |
//! | `heart` | the heart over the simulated store |
//! | `application`, `house` | the whole application over the embedded store |
//! | `campaign`, `outcome` | many histories; making a failure small |
//! | `flaw` | deliberate mistakes, to prove that each is noticed |

mod application;
mod campaign;
mod cast;
mod clients;
mod decide;
mod disk;
mod flaw;
mod heart;
mod history;
mod house;
mod judge;
#[path = "../../crates/domain/tests/oracle/mod.rs"]
mod oracle;
mod outcome;
mod request;
mod stock;
mod store;

use campaign::{Form, Plan};
use flaw::{Flaw, Meddling};

/// Steps of the short form, which every test run makes.
const HEART_STEPS: u64 = 100_000;
const APPLICATION_STEPS: u64 = 600;
const SEED: u64 = 1;
/// Steps within which each flaw must be noticed.
const STEPS_TO_NOTICE: u64 = 60_000;

/// A number from the environment, where `cargo xtask sim` puts what it is told.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} needs a number, not {text:?}")))
}

fn every_history(name: &str, form: Form, steps: u64) {
    let plan = Plan {
        seed: setting("AXBRIDGE_SIM_SEED").unwrap_or(SEED),
        steps: setting("AXBRIDGE_SIM_STEPS").unwrap_or(steps),
        threads: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        form,
        chatty: setting("AXBRIDGE_SIM_STEPS").is_some(),
    };
    if let Some(index) = setting("AXBRIDGE_SIM_ONLY") {
        let breach = form.run(&form.history(plan.seed, index), false).breach;
        assert!(breach.is_none(), "{}", campaign::explain(plan, index).story);
        println!(
            "{name}: history {index} of seed {} keeps every promise",
            plan.seed
        );
        return;
    }
    match campaign::run(plan) {
        Ok(report) => println!(
            "{name}: seed {}, {} steps in {} histories, digest {:016x}",
            plan.seed, report.steps, report.histories, report.digest
        ),
        Err(failure) => panic!("{}", failure.story),
    }
}

#[test]
fn the_heart_keeps_its_promises_in_every_history() {
    every_history("heart", Form::Heart(None), HEART_STEPS);
}

#[test]
fn the_application_keeps_its_promises_in_every_history() {
    every_history("application", Form::Application(None), APPLICATION_STEPS);
}

fn digest(form: Form, seed: u64, steps: u64, threads: u64) -> u64 {
    let plan = Plan {
        seed,
        steps,
        threads,
        form,
        chatty: false,
    };
    let report = campaign::run(plan).unwrap_or_else(|failure| panic!("{}", failure.story));
    report.digest
}

#[test]
fn the_same_seed_gives_the_same_run_on_any_number_of_threads() {
    let heart = Form::Heart(None);
    assert_eq!(digest(heart, 7, 3_000, 1), digest(heart, 7, 3_000, 2));
    assert_ne!(digest(heart, 7, 3_000, 1), digest(heart, 8, 3_000, 1));
    let whole = Form::Application(None);
    assert_eq!(digest(whole, 7, 200, 1), digest(whole, 7, 200, 2));
}

fn noticed(form: Form) -> campaign::Failure {
    let plan = Plan {
        seed: 3,
        steps: STEPS_TO_NOTICE,
        threads: 1,
        form,
        chatty: false,
    };
    match campaign::run(plan) {
        Err(failure) => *failure,
        Ok(_) => panic!("{form:?} went unnoticed for {STEPS_TO_NOTICE} steps"),
    }
}

#[test]
fn every_flaw_of_a_store_is_noticed_and_told_in_few_steps() {
    for flaw in Flaw::ALL {
        let failure = noticed(Form::Heart(Some(flaw)));
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

#[test]
fn meddling_with_the_application_is_noticed() {
    for meddling in Meddling::ALL {
        let failure = noticed(Form::Application(Some(meddling)));
        println!("{meddling:?}: {}", failure.story);
        let sound = application::run(&failure.steps, None, false).breach;
        assert_eq!(sound, None, "{meddling:?}: the history is at fault");
    }
}
