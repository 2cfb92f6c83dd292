//! The chore `sim`: the simulation for as long as one likes, or one of its
//! histories again. The simulation itself is a test (`tests/sim`), which reads
//! what it is told from the environment.

use anyhow::{Context, Result, bail};

use crate::process::{cargo, run};
use crate::report::Report;

/// Steps if nobody says otherwise: a few minutes each.
const HEART_STEPS: u64 = 5_000_000;
const APPLICATION_STEPS: u64 = 10_000;

/// Steps of the long form.
const HEART_STEPS_LONG: u64 = 100_000_000;
const APPLICATION_STEPS_LONG: u64 = 100_000;

/// What of the program is simulated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Heart,
    Application,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Heart => "Heart",
            Form::Application => "Application",
        }
    }

    fn test(self) -> &'static str {
        match self {
            Form::Heart => "the_heart_keeps_its_promises_in_every_history",
            Form::Application => "the_application_keeps_its_promises_in_every_history",
        }
    }

    fn steps(self, long: bool) -> u64 {
        match (self, long) {
            (Form::Heart, false) => HEART_STEPS,
            (Form::Heart, true) => HEART_STEPS_LONG,
            (Form::Application, false) => APPLICATION_STEPS,
            (Form::Application, true) => APPLICATION_STEPS_LONG,
        }
    }
}

/// What the command line says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Wish {
    steps: Option<u64>,
    seed: Option<u64>,
    only: Option<u64>,
    long: bool,
    application: bool,
}

impl Wish {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut wish = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut number = || -> Result<Option<u64>> {
                let text = rest.next().map_or("", String::as_str);
                let number = text.replace('_', "").parse();
                let number = number.with_context(|| format!("{argument} needs a number"))?;
                Ok(Some(number))
            };
            match argument.as_str() {
                "--steps" => wish.steps = number()?,
                "--seed" => wish.seed = number()?,
                "--only" => wish.only = number()?,
                "--long" => wish.long = true,
                "--application" => wish.application = true,
                _ => bail!(
                    "the chore is written: cargo xtask sim [--steps N | --long | --only HISTORY] \
                     [--seed S] [--application]"
                ),
            }
        }
        Ok(wish)
    }

    /// One history is of one form; without a choice, both forms are run.
    fn forms(&self) -> &'static [Form] {
        match (self.application, self.only.or(self.steps)) {
            (true, _) => &[Form::Application],
            (false, Some(_)) => &[Form::Heart],
            (false, None) => &[Form::Heart, Form::Application],
        }
    }
}

/// Runs the simulation.
pub(crate) fn simulate(arguments: &[String]) -> Result<()> {
    let wish = Wish::read(arguments)?;
    let mut report = Report::default();
    let outcome = wish
        .forms()
        .iter()
        .try_for_each(|form| report.suite(form.name(), || run_form(*form, &wish)));
    report.summary();
    outcome
}

fn run_form(form: Form, wish: &Wish) -> Result<()> {
    let mut command = cargo();
    command
        .args(["test", "--release", "-p", "axbridge-tests", "--test", "sim"])
        .args([form.test(), "--", "--exact", "--nocapture"]);
    match wish.only {
        Some(history) => command.env("AXBRIDGE_SIM_ONLY", history.to_string()),
        None => {
            let steps = wish.steps.unwrap_or_else(|| form.steps(wish.long));
            command.env("AXBRIDGE_SIM_STEPS", steps.to_string())
        }
    };
    if let Some(seed) = wish.seed {
        command.env("AXBRIDGE_SIM_SEED", seed.to_string());
    }
    run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(text: &str) -> Result<Wish> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Wish::read(&words)
    }

    #[test]
    fn a_bare_call_runs_both_forms_and_a_choice_runs_one() {
        let forms = |text| wish(text).expect("good arguments").forms();
        assert_eq!(forms(""), [Form::Heart, Form::Application]);
        assert_eq!(forms("--long --seed 4"), [Form::Heart, Form::Application]);
        assert_eq!(forms("--steps 1_000"), [Form::Heart]);
        assert_eq!(forms("--only 3 --application"), [Form::Application]);
    }

    #[test]
    fn numbers_are_read_and_anything_else_is_refused() {
        let read = wish("--seed 7 --steps 1_000").expect("good arguments");
        assert_eq!((read.seed, read.steps), (Some(7), Some(1000)));
        for text in ["--steps", "--steps x", "--seed -1", "more"] {
            assert!(wish(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_named_tests_exist() {
        let path = crate::process::root().join("tests/sim/main.rs");
        let text = std::fs::read_to_string(path).expect("the simulation");
        for form in [Form::Heart, Form::Application] {
            assert!(text.contains(&format!("fn {}()", form.test())));
        }
    }
}
