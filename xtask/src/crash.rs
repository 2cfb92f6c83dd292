//! The chore `crash`: the long form of the crash and fault tests
//! (`tests/crash`), as many rounds of sudden death as one likes on each store.

use anyhow::{Context, Result, bail, ensure};

use crate::process::{cargo, run};

/// Rounds if nobody says otherwise.
const ROUNDS_DEFAULT: u64 = 50;

/// The columns of the lines that the tests print.
const HEAD: &str =
    "| What dies | Rounds | Binds | Unbinds | Unanswered | Of them bound | Resolved after |";

struct Wish {
    rounds: u64,
    seed: u64,
}

/// Runs every crash and fault test with so many rounds.
pub(crate) fn crash(arguments: &[String]) -> Result<()> {
    let wish = read(arguments)?;
    println!("{HEAD}");
    run(cargo()
        .args(["test", "--package", "axbridge-tests", "--test", "crash"])
        .args(["--", "--nocapture"])
        .env("AXBRIDGE_CRASH_ROUNDS", wish.rounds.to_string())
        .env("AXBRIDGE_CRASH_SEED", wish.seed.to_string()))
}

fn read(arguments: &[String]) -> Result<Wish> {
    let mut wish = Wish {
        rounds: ROUNDS_DEFAULT,
        seed: 1,
    };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let place = match flag.as_str() {
            "--rounds" => &mut wish.rounds,
            "--seed" => &mut wish.seed,
            other => bail!("crash takes --rounds N and --seed N, not {other:?}"),
        };
        let value = rest
            .next()
            .with_context(|| format!("{flag} needs a number"))?;
        *place = value
            .parse()
            .with_context(|| format!("{flag} needs a number, not {value:?}"))?;
    }
    ensure!(wish.rounds > 0, "--rounds needs a number above 0");
    Ok(wish)
}

#[test]
fn rounds_and_seed_are_read_and_nothing_else() {
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let wish = read(&words("--seed 7 --rounds 3")).expect("good");
    assert_eq!((wish.rounds, wish.seed), (3, 7));
    assert_eq!(read(&[]).expect("good").rounds, ROUNDS_DEFAULT);
    for bad in ["--rounds", "--rounds 0", "--rounds many", "50"] {
        assert!(read(&words(bad)).is_err(), "{bad}");
    }
}
