//! A thousand events a second to ten receivers, one of them dead. The short form only looks that
//! everything arrives, once and in order; the long form (`cargo xtask deliveries`) also tells how
//! long it took, by quarter of the run, on both stores.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axbridge_app::{
    App,
    model::{BindingChange, BindingRef},
};
use axbridge_domain::{account::AccountId, pool::PoolNo};
use axbridge_store::{Location, StoreOptions};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    authority::Authority,
    house::{House, bind, pool_of, quick, wait_for},
    nodes::{database, drop_database},
    receiver::{Mood, Receiver, Taken},
};

const RECEIVERS: u64 = 10;
/// Events of each binding: made, changed, ended.
const EVENTS: u64 = 3;
const QUARTERS: usize = 4;
const TICKS_A_SECOND: u64 = 100;
const TICK: Duration = Duration::from_millis(1000 / TICKS_A_SECOND);

/// How much is sent.
#[derive(Clone, Copy)]
struct Load {
    /// Events a second, of all accounts together.
    rate: u64,
    /// How long bindings are made.
    seconds: u64,
    /// The time between the events of one binding.
    pause_ticks: u64,
    /// Whether the last of the receivers never answers.
    with_dead: bool,
}

impl Load {
    /// Bindings that are due to be made by the end of this tick.
    fn due(self, tick: u64) -> u64 {
        let making = tick.min(self.seconds * TICKS_A_SECOND);
        self.rate * making / EVENTS / TICKS_A_SECOND
    }

    /// Those that are due in this tick.
    fn in_tick(self, tick: u64) -> std::ops::Range<u64> {
        self.due(tick - 1)..self.due(tick)
    }

    /// How long it is between the events of one binding.
    fn pause(self) -> Duration {
        TICK * u32::try_from(self.pause_ticks).expect("few")
    }

    /// From when the first bindings have ended until no more are made.
    fn steady(self, begun: Instant) -> std::ops::Range<Instant> {
        let ramp = self.pause() * (EVENTS as u32 - 1);
        begun + ramp..begun + Duration::from_secs(self.seconds)
    }

    fn living(self) -> usize {
        RECEIVERS as usize - usize::from(self.with_dead)
    }

    /// Events of the living receivers.
    fn expected(self) -> usize {
        let all = self.due(u64::MAX);
        let living = self.living() as u64;
        let bindings = all / RECEIVERS * living + (all % RECEIVERS).min(living);
        (bindings * EVENTS) as usize
    }
}

/// What is known of an event before it arrives: what it is, and when its change was answered.
type Told = ((String, &'static str), Instant);

/// The life of a binding of the account whose turn it is: made now, changed and ended later.
async fn life(
    app: Arc<App>,
    (account, pool, nth): (AccountId, PoolNo, u64),
    index: u64,
    pause: Duration,
) -> [Told; EVENTS as usize] {
    let binding = bind(&app, account, pool, nth, index).await;
    let named = BindingRef {
        account,
        pool: None,
        sub_id: binding.sub_id,
    };
    let told = |word| ((named.sub_id.to_string(), word), Instant::now());
    let bound = told("bound");
    tokio::time::sleep(pause).await;
    let change = BindingChange::OutId(Some("changed".to_owned()));
    app.update_binding(named, change).await.expect("it is live");
    let updated = told("updated");
    tokio::time::sleep(pause).await;
    app.unbind(named).await.expect("it is live");
    [bound, updated, told("unbound")]
}

/// Lets every life begin at its time, whatever became of those before; gives when each event was
/// answered.
async fn drive(
    app: &Arc<App>,
    accounts: &[(AccountId, PoolNo, u64)],
    load: Load,
    begun: Instant,
) -> HashMap<(String, &'static str), Instant> {
    let mut lives = JoinSet::new();
    for tick in 1..=load.seconds * TICKS_A_SECOND {
        for index in load.in_tick(tick) {
            let account = accounts[(index % RECEIVERS) as usize];
            lives.spawn(life(Arc::clone(app), account, index, load.pause()));
        }
        let next = TICK * u32::try_from(tick).expect("minutes");
        tokio::time::sleep_until((begun + next).into()).await;
    }
    lives.join_all().await.into_iter().flatten().collect()
}

/// What a run showed.
struct Outcome {
    /// Events that happened a second while bindings were made, changed and ended alike.
    happened_a_second: f64,
    /// Those that came to the living receivers a second in the same time.
    arrived_a_second: f64,
    /// Delays at the living receivers, sorted, by quarter of the run in which the event happened.
    delays_ms: [Vec<u64>; QUARTERS],
}

/// The value below which this share lies; 0 of nothing.
fn at(sorted: &[u64], share: f64) -> u64 {
    let last = sorted.len().saturating_sub(1);
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Runs a load in a house: ten accounts in turn, with a receiver each.
async fn run(mut house: House, load: Load) -> Outcome {
    let authority = Authority::new();
    let (mut receivers, mut accounts) = (Vec::new(), Vec::new());
    for nth in 1..=RECEIVERS {
        let account = house.app.create_account(&format!("shop {nth}")).await;
        let account = account.expect("an account").id;
        let pool = pool_of(&house.app, account, nth).await;
        let receiver = Receiver::start("127.0.0.1", authority.acceptor(&["localhost"])).await;
        let url = receiver.url("localhost");
        let pem = Some(authority.pem());
        house.subscribe_of(account, &url, pem).await;
        receivers.push(receiver);
        accounts.push((account, pool, nth));
    }
    if load.with_dead {
        receivers.last().expect("ten").behave(|_| Mood::Hang);
    }
    let begun = Instant::now();
    let told = drive(&house.app, &accounts, load, begun).await;
    let happened = begun.elapsed();
    receivers.truncate(load.living());
    let arrived = async || {
        let taken: usize = receivers.iter().map(Receiver::count).sum();
        taken >= load.expected()
    };
    wait_for("the living have everything", arrived).await;
    let steady = load.steady(begun);
    let a_second = |events: usize| {
        let length = steady.end.duration_since(steady.start);
        events as f64 / length.as_secs_f64()
    };
    let happened_steadily = told.values().filter(|at| steady.contains(*at)).count();
    let mut arrived_steadily = 0;
    let mut delays_ms = [const { Vec::new() }; QUARTERS];
    for receiver in &receivers {
        receiver.assert_order();
        for taken in receiver.taken() {
            let known = told[&(taken.subject(), word_of(&taken))];
            arrived_steadily += usize::from(steady.contains(&taken.at));
            let delay = taken.at.saturating_duration_since(known);
            let share = known.duration_since(begun).as_secs_f64() / happened.as_secs_f64();
            let quarter = ((share * QUARTERS as f64) as usize).min(QUARTERS - 1);
            delays_ms[quarter].push(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        }
    }
    for quarter in &mut delays_ms {
        quarter.sort_unstable();
    }
    house.stop().await;
    Outcome {
        happened_a_second: a_second(happened_steadily),
        arrived_a_second: a_second(arrived_steadily),
        delays_ms,
    }
}

/// The word of a message for what happened to a binding.
fn word_of(taken: &Taken) -> &'static str {
    let word = taken.body["bindingEvent"].as_str();
    let known = ["bound", "updated", "unbound"].into_iter();
    let found = known.into_iter().find(|known| Some(*known) == word);
    found.expect("a moment that was made")
}

/// A second of it, with one of the ten dead.
const MOMENT: Load = Load {
    rate: 300,
    seconds: 1,
    pause_ticks: 5,
    with_dead: true,
};

async fn a_moment_at(location: Option<Location>) {
    let mut settings = quick();
    // Longer than a busy machine needs: what is taken twice would count twice.
    settings.timeout = Duration::from_secs(5);
    let house = House::open_on(settings, location).await;
    let outcome = run(house, MOMENT).await;
    let arrived: usize = outcome.delays_ms.iter().map(Vec::len).sum();
    assert_eq!(arrived, MOMENT.expected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_receivers_with_a_dead_one_among_them_are_served() {
    a_moment_at(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_receivers_are_served_over_fewer_connections_to_postgresql() {
    let Some((server, url)) = database().await else {
        return;
    };
    a_moment_at(Some(Location::Postgres(url.clone()))).await;
    drop_database(&server, &url).await;
}

/// As one JSON object a line, for `cargo xtask deliveries`.
fn shown(store: &str, load: Load, outcome: &Outcome) -> Value {
    let quarters = outcome.delays_ms.iter().map(|sorted| {
        json!({"p50_ms": at(sorted, 0.5), "p99_ms": at(sorted, 0.99), "worst_ms": at(sorted, 1.0)})
    });
    json!({
        "store": store,
        "dead": load.with_dead,
        "happened_a_second": outcome.happened_a_second,
        "arrived_a_second": outcome.arrived_a_second,
        "quarters": quarters.collect::<Vec<_>>(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes of load: run it with `cargo xtask deliveries`"]
async fn a_thousand_events_a_second_with_and_without_a_dead_receiver() {
    let seconds = std::env::var("DELIVERY_SECONDS").ok();
    let seconds = seconds.map_or(40, |text| text.parse().expect("whole seconds"));
    for with_dead in [false, true] {
        let load = Load {
            rate: 1000,
            seconds,
            pause_ticks: TICKS_A_SECOND,
            with_dead,
        };
        // As servers have it, but for the address on loopback.
        let settings = || axbridge_app::callbacks::CallbackSettings {
            allowed_ranges: quick().allowed_ranges,
            ..Default::default()
        };
        let outcome = run(House::open(settings()).await, load).await;
        println!("{}", shown("embedded", load, &outcome));
        let Some((server, url)) = database().await else {
            continue;
        };
        let location = Some(Location::Postgres(url.clone()));
        let house = House::open_with(settings(), location, StoreOptions::default()).await;
        let outcome = run(house, load).await;
        println!("{}", shown("PostgreSQL", load, &outcome));
        drop_database(&server, &url).await;
    }
}
