//! Many histories, one after the other on each core; the first that fails is made smaller and
//! told step by step.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    application,
    flaw::{Flaw, Meddling},
    heart,
    history::{self, Step},
    outcome::{Breach, Outcome, shrink},
};

/// What is put to the test, and what is wrong with it on purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// The pure heart over the simulated store.
    Heart(Option<Flaw>),
    /// The whole application over the embedded store.
    Application(Option<Meddling>),
}

impl Form {
    pub(crate) fn history(self, seed: u64, index: u64) -> Vec<Step> {
        match self {
            Form::Heart(_) => history::history(seed, index),
            Form::Application(_) => history::short(seed, index),
        }
    }

    pub(crate) fn run(self, steps: &[Step], tell: bool) -> Outcome {
        match self {
            Form::Heart(flaw) => heart::run(steps, flaw, tell),
            Form::Application(meddling) => application::run(steps, meddling, tell),
        }
    }

    /// The most runs that making a failure smaller may cost.
    fn shrink_tries(self) -> usize {
        match self {
            Form::Heart(_) => 4000,
            Form::Application(_) => 60,
        }
    }

    /// How the chore that replays a history is told which form to take.
    fn option(self) -> &'static str {
        match self {
            Form::Heart(_) => "",
            Form::Application(_) => " --application",
        }
    }
}

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// At least so many steps; the last histories are run to their end.
    pub(crate) steps: u64,
    pub(crate) threads: u64,
    pub(crate) form: Form,
    /// Whether to say now and then how far it is.
    pub(crate) chatty: bool,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Report {
    pub(crate) steps: u64,
    pub(crate) histories: u64,
    /// The same for every run of the same plan, on however many threads.
    pub(crate) digest: u64,
}

/// The first history that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) breach: Breach,
    /// What is needed of the history to fail.
    pub(crate) steps: Vec<Step>,
    /// The story to print.
    pub(crate) story: String,
}

/// Runs histories until there were enough steps.
pub(crate) fn run(plan: Plan) -> Result<Report, Box<Failure>> {
    let lengths = (0..).map(|index| plan.form.history(plan.seed, index).len() as u64);
    let mut histories = 0;
    let mut steps = 0;
    for length in lengths {
        histories += 1;
        steps += length;
        if steps >= plan.steps {
            break;
        }
    }
    let failed = AtomicU64::new(u64::MAX);
    let done = AtomicU64::new(0);
    let digests = std::thread::scope(|scope| {
        let workers = (0..plan.threads).map(|worker| {
            let (failed, done) = (&failed, &done);
            scope.spawn(move || run_every(plan, worker, histories, failed, done))
        });
        let workers: Vec<_> = workers.collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .expect("a breach is caught, so no worker panics")
            })
            .fold(0, u64::wrapping_add)
    });
    match failed.into_inner() {
        u64::MAX => Ok(Report {
            steps,
            histories,
            digest: digests,
        }),
        index => Err(Box::new(explain(plan, index))),
    }
}

/// Every history of one worker, up to the first that is known to fail.
fn run_every(plan: Plan, worker: u64, histories: u64, failed: &AtomicU64, done: &AtomicU64) -> u64 {
    let mut digest = 0_u64;
    let mut index = worker;
    while index < histories && index < failed.load(Ordering::Relaxed) {
        let steps = plan.form.history(plan.seed, index);
        let outcome = plan.form.run(&steps, false);
        if outcome.breach.is_some() {
            failed.fetch_min(index, Ordering::Relaxed);
            break;
        }
        digest = digest.wrapping_add(outcome.digest.rotate_left((index % 64) as u32));
        let so_far = done.fetch_add(1, Ordering::Relaxed) + 1;
        if plan.chatty && so_far.is_multiple_of((histories / 50).max(1)) {
            println!("{so_far} of {histories} histories");
        }
        index += plan.threads;
    }
    digest
}

/// Makes a failing history smaller and tells it.
pub(crate) fn explain(plan: Plan, index: u64) -> Failure {
    let steps = plan.form.history(plan.seed, index);
    let fails = |steps: &[Step]| plan.form.run(steps, false).breach.is_some();
    let first = plan.form.run(&steps, false).breach;
    let needed = first.map_or(steps.len(), |breach| breach.step + 1);
    let smallest = shrink(&steps[..needed], plan.form.shrink_tries(), fails);
    let outcome = plan.form.run(&smallest, true);
    let breach = outcome.breach.unwrap_or(Breach {
        step: 0,
        what: "it failed once and not again: something is left to chance".to_owned(),
    });
    let mut story = format!(
        "history {index} of seed {} breaks a promise; {} of its {} steps are enough:\n",
        plan.seed,
        smallest.len(),
        steps.len()
    );
    for line in &outcome.told {
        let _ = writeln!(story, "  {line}");
    }
    let _ = write!(
        story,
        "  => {}\nreplay it: cargo xtask sim --seed {} --only {index}{}",
        breach.what,
        plan.seed,
        plan.form.option()
    );
    Failure {
        breach,
        steps: smallest,
        story,
    }
}
