//! A thousand events a second to ten receivers, one of them dead. The short form only looks that
//! everything arrives; the long form (`cargo xtask deliveries`) also tells how long it took.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use axbridge_domain::account::AccountId;

use crate::{
    house::{House, bind, pool_of, quick, wait_for},
    receiver::{Authority, Mood, Receiver, Taken},
};

const RECEIVERS: u64 = 10;

/// Delays of deliveries, in milliseconds, sorted.
struct Delays(Vec<u64>);

impl Delays {
    fn at(&self, share: f64) -> u64 {
        let last = self.0.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.0.get(index).copied().unwrap_or_default()
    }
}

/// Binds `rate` pairs a second for so long, in turn for ten accounts with a receiver each; the
/// last receiver is dead if asked for. Gives the delays at the living ones, and how long it took
/// from the first bind until the last of them had everything.
async fn run(rate: u64, seconds: u64, with_dead: bool) -> (Delays, Duration) {
    let mut settings = quick();
    settings.timeout = Duration::from_secs(5);
    settings.poll = Duration::from_millis(50);
    let mut house = House::open(settings).await;
    let authority = Authority::new();
    let mut receivers = Vec::new();
    let mut accounts = Vec::new();
    for nth in 1..=RECEIVERS {
        let account = house.app.create_account(&format!("shop {nth}")).await;
        let account: AccountId = account.expect("an account").id;
        let pool = pool_of(&house.app, account, nth).await;
        let receiver = Receiver::start("127.0.0.1", authority.acceptor(&["localhost"])).await;
        let url = receiver.url("localhost");
        house
            .subscribe_of(account, &url, Some(authority.pem()))
            .await;
        receivers.push(receiver);
        accounts.push((account, pool, nth));
    }
    if with_dead {
        receivers.last().expect("ten").behave(|_| Mood::Hang);
    }
    let begun = Instant::now();
    let every = Duration::from_millis(10);
    let mut bound_at = HashMap::new();
    let mut index = 0;
    for tick in 1..=seconds * 100 {
        let due = rate * tick / 100;
        let binds = (index..due).map(|index| {
            let (account, pool, nth) = accounts[(index % RECEIVERS) as usize];
            let app = &house.app;
            async move {
                let binding = bind(app, account, pool, nth, index).await;
                (binding.sub_id.to_string(), Instant::now())
            }
        });
        bound_at.extend(futures_util::future::join_all(binds).await);
        index = due;
        let next = begun + every * u32::try_from(tick).expect("a small number");
        tokio::time::sleep_until(next.into()).await;
    }
    let each = (rate * seconds / RECEIVERS) as usize;
    let living = if with_dead { 9 } else { 10 };
    let arrived = async || {
        receivers
            .iter()
            .take(living)
            .all(|it| it.taken().len() >= each)
    };
    wait_for("the living have everything", arrived).await;
    let took = begun.elapsed();
    let taken = receivers.iter().take(living).flat_map(Receiver::taken);
    let delay = |taken: Taken| {
        let delay = taken
            .at
            .saturating_duration_since(bound_at[&taken.subject()]);
        u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
    };
    let mut delays: Vec<u64> = taken.map(delay).collect();
    delays.sort_unstable();
    drop(receivers);
    house.stop().await;
    (Delays(delays), took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_receivers_with_a_dead_one_among_them_are_served() {
    let (delays, _) = run(200, 1, true).await;
    assert_eq!(delays.0.len(), 180);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of load: run it with `cargo xtask deliveries`"]
async fn a_thousand_events_a_second_with_and_without_a_dead_receiver() {
    const RATE: u64 = 1000;
    const SECONDS: u64 = 20;
    for with_dead in [false, true] {
        let (delays, took) = run(RATE, SECONDS, with_dead).await;
        println!(
            "dead receiver: {with_dead}; {} deliveries in {:.1} s; delay p50 {} ms, p99 {} ms, \
             worst {} ms",
            delays.0.len(),
            took.as_secs_f64(),
            delays.at(0.5),
            delays.at(0.99),
            delays.at(1.0),
        );
    }
}
