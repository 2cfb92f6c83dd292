//! The chore `crash`: the long form of the crash and fault tests
//! (`tests/crash`), as many rounds of sudden death as one likes on each store.

use anyhow::{Context, Result, bail, ensure};

use crate::process::{cargo, run};

/// Rounds if nobody says otherwise.
const ROUNDS_DEFAULT: u64 = 50;

/// The columns of the lines that the tests print.
const HEAD: &str =
    "| What dies | Rounds | Binds | Unbinds | Unanswered | Of them bound | Resolved after |";

/// What can be asked for alone, and the test that does it.
const CLASSES: [(&str, &str); 3] = [
    (
        "embedded",
        "the_embedded_store_keeps_what_was_answered_when_the_program_dies",
    ),
    ("node", "postgres_keeps_what_was_answered_when_a_node_dies"),
    (
        "database",
        "nodes_keep_what_was_answered_when_the_database_dies",
    ),
];

struct Wish {
    rounds: u64,
    seed: u64,
    only: Option<&'static str>,
}

/// Runs every crash and fault test with so many rounds, or only what one class of death does.
pub(crate) fn crash(arguments: &[String]) -> Result<()> {
    let wish = read(arguments)?;
    println!("{HEAD}");
    run(cargo()
        .args(["test", "--package", "axbridge-tests", "--test", "crash"])
        .args(["--", "--nocapture"])
        .args(wish.only)
        .env("AXBRIDGE_CRASH_ROUNDS", wish.rounds.to_string())
        .env("AXBRIDGE_CRASH_SEED", wish.seed.to_string()))
}

fn read(arguments: &[String]) -> Result<Wish> {
    let mut wish = Wish {
        rounds: ROUNDS_DEFAULT,
        seed: 1,
        only: None,
    };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let value = rest
            .next()
            .with_context(|| format!("{flag} needs a value"))?;
        let place = match flag.as_str() {
            "--rounds" => &mut wish.rounds,
            "--seed" => &mut wish.seed,
            "--only" => {
                wish.only = Some(class(value)?);
                continue;
            }
            other => bail!("crash takes --rounds N, --seed N and --only CLASS, not {other:?}"),
        };
        *place = value
            .parse()
            .with_context(|| format!("{flag} needs a number, not {value:?}"))?;
    }
    ensure!(wish.rounds > 0, "--rounds needs a number above 0");
    Ok(wish)
}

fn class(name: &str) -> Result<&'static str> {
    let found = CLASSES.into_iter().find(|(class, _)| *class == name);
    let names = CLASSES.map(|(class, _)| class).join(", ");
    found
        .map(|(_, test)| test)
        .with_context(|| format!("--only takes one of {names}, not {name:?}"))
}

#[test]
fn rounds_and_seed_are_read_and_nothing_else() {
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let wish = read(&words("--seed 7 --rounds 3")).expect("good");
    assert_eq!((wish.rounds, wish.seed, wish.only), (3, 7, None));
    let wish = read(&words("--only database")).expect("good");
    assert_eq!(wish.only, Some(CLASSES[2].1));
    assert_eq!(read(&[]).expect("good").rounds, ROUNDS_DEFAULT);
    for bad in [
        "--rounds",
        "--rounds 0",
        "--rounds many",
        "--only nothing",
        "50",
    ] {
        assert!(read(&words(bad)).is_err(), "{bad}");
    }
}
