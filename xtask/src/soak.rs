//! The chore `soak`: the long form of `tests/soak`, in release.

use anyhow::{Context, Result, bail, ensure};

use crate::process::{cargo, run};

/// Minutes and calls a second if nobody says otherwise.
const MINUTES_DEFAULT: f64 = 60.0;
const CPS_DEFAULT: f64 = 2.0;

struct Wish {
    minutes: f64,
    cps: f64,
}

/// Runs it; the test prints a line a minute and a table at the end.
pub(crate) fn soak(arguments: &[String]) -> Result<()> {
    let wish = read(arguments)?;
    run(cargo()
        .args(["test", "--release", "--package", "axbridge-tests"])
        .args(["--test", "soak", "--", "--nocapture"])
        .env("AXBRIDGE_SOAK_MINUTES", wish.minutes.to_string())
        .env("AXBRIDGE_SOAK_CPS", wish.cps.to_string()))
}

fn read(arguments: &[String]) -> Result<Wish> {
    let mut wish = Wish {
        minutes: MINUTES_DEFAULT,
        cps: CPS_DEFAULT,
    };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let place = match flag.as_str() {
            "--minutes" => &mut wish.minutes,
            "--cps" => &mut wish.cps,
            other => bail!("soak takes --minutes N and --cps N, not {other:?}"),
        };
        let value = rest
            .next()
            .with_context(|| format!("{flag} needs a number"))?;
        *place = value
            .parse()
            .with_context(|| format!("{flag} needs a number, not {value:?}"))?;
        let is_sane = place.is_finite() && (0.05..=10_000.0).contains(place);
        ensure!(is_sane, "{flag} needs a number from 0.05 to 10,000");
    }
    Ok(wish)
}

#[test]
fn minutes_and_rate_are_read_and_nothing_else() {
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let wish = read(&words("--cps 0.5 --minutes 10")).expect("good");
    assert_eq!((wish.minutes, wish.cps), (10.0, 0.5));
    assert_eq!(read(&[]).expect("good").minutes, MINUTES_DEFAULT);
    for bad in ["--cps", "--cps 0", "--cps NaN", "--minutes many", "60"] {
        assert!(read(&words(bad)).is_err(), "{bad}");
    }
}
