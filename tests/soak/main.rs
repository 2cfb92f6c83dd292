//! Calls for a long time: the real program, a carrier on each side, callbacks to a receiver, all
//! calls recorded. Each call must come out as its phones meant it, leave its record, its recording
//! and its events once, and the server must hold no more at the end than when its caches were full.
//!
//! The test is a moment of it; `cargo xtask soak` is the long form.

mod house;
mod judge;
mod load;
mod receiver;
mod watch;

use std::time::Duration;

use house::House;
use watch::Watch;

/// How long and how much.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// How long calls are begun.
    length: Duration,
    /// Calls that begin in a second.
    rate: f64,
    /// How long each talk lasts.
    talk: Duration,
}

impl Plan {
    /// A moment, unless the environment asks for more.
    fn wished() -> Self {
        let number = |name: &str| -> Option<f64> {
            let text = std::env::var(name).ok()?;
            Some(text.parse().expect("a number"))
        };
        let minutes = number("AXBRIDGE_SOAK_MINUTES");
        Self {
            length: minutes.map_or(Duration::from_secs(12), |it| {
                Duration::from_secs_f64(it * 60.0)
            }),
            rate: number("AXBRIDGE_SOAK_CPS").unwrap_or(3.0),
            talk: Duration::from_secs(if minutes.is_some() { 10 } else { 5 }),
        }
    }

    /// Whether it is so long that memory and dialogs can be judged.
    fn is_long(&self) -> bool {
        self.length >= Duration::from_secs(600)
    }

    /// From when on the server is warm: by then every pair has called.
    fn warm_after(&self) -> Duration {
        self.length.div_f64(6.0)
    }

    /// From when on its memory must not grow any more: by then, in an hour, its caches are full.
    fn full_after(&self) -> Duration {
        self.length.div_f64(1.5)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_come_and_go_and_leave_what_they_should_and_nothing_else() {
    let plan = Plan::wished();
    let house = House::start().await;
    let mut watch = Watch::begin(&house, plan);
    let made = load::run(&house, plan, &mut watch).await;
    let left = judge::what_is_left(&house, &made).await;
    let rest = watch.end(&house).await;
    println!("{}", judge::table(plan, &made, &left, &watch, &rest));
    judge::judge(plan, &made, &left, &watch, &rest);
}
