//! Histories: clients on several nodes who do at random what can be done to bindings, while the
//! clock that all share jumps over expiries and quarantines.
//!
//! A pool of three numbers and six people is small on purpose: everybody is always in somebody's
//! way.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use axbridge_domain::{binding::SubId, draws::Draws, phone::PhoneNumber, time::Timestamp};
use axbridge_store::{
    Store,
    model::{BindingChange, Topic},
};

use crate::{
    ask::ask,
    checker::{Timed, explain},
    model::{Answer, Call, Rules, Talk, World},
    venue::{Engine, Venue, at, person, pool, x},
};

pub(crate) const NUMBERS: u64 = 3;
const PEOPLE: u64 = 6;
/// Clients on all nodes together: more of them tangle a history beyond judging.
const CLIENTS: usize = 8;
/// Requests of each client in a round.
const REQUESTS: u32 = 4;
/// Bindings that clients remember, the newest ones.
const KNOWN: usize = 10;
pub(crate) const RULES: Rules = Rules {
    quarantine_ms: 1_000,
    quarantine_min_ms: 200,
    bindings_per_number_max: 3,
};

/// When the clock jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jumps {
    /// While nothing is under way: every request has one moment.
    InPeace,
    /// While requests are under way, too.
    AnyTime,
}

/// What the clients of a history share.
struct Scene {
    jumps: Jumps,
    /// Orders beginnings and ends of requests.
    ticks: AtomicU64,
    /// Every moment that the clock has shown, the last one being now.
    shown: Mutex<Vec<Timestamp>>,
    known: Mutex<Vec<SubId>>,
    /// The quota that all binds of the history carry.
    live_max: Option<u64>,
}

/// For a lock that only a client that panicked leaves poisoned; the test fails by that already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scene {
    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// How many moments were shown, and the last.
    fn now(&self) -> (usize, Timestamp) {
        let shown = lock(&self.shown);
        (shown.len(), shown.last().copied().unwrap_or_default())
    }

    /// Has the clock jump, now and then over an expiry or a quarantine.
    fn jump_somewhere(&self, draws: &mut Draws) {
        let ms = [1, 60, 250, 1_100][draws.below(4)];
        let mut shown = lock(&self.shown);
        let next = shown.last().copied().unwrap_or_default().plus_ms(ms);
        shown.push(next);
    }

    fn learn(&self, answer: &Answer) {
        if let Answer::Bound(held) | Answer::Changed(held) = answer {
            let mut known = lock(&self.known);
            known.push(held.sub_id);
            if known.len() > KNOWN {
                known.remove(0);
            }
        }
    }

    fn some_binding(&self, draws: &mut Draws) -> Option<SubId> {
        let known = lock(&self.known);
        known.get(draws.below(known.len())).copied()
    }

    /// Asks, and notes when and what was answered.
    async fn talk(&self, store: &Store, call: Call, chance: u64) -> Timed<Talk> {
        let began = self.tick();
        let (shown_before, now) = self.now();
        let answer = ask(store, &call, chance, now).await;
        let answer = answer.unwrap_or_else(|error| panic!("{call:?}: {error}"));
        self.learn(&answer);
        let moments = lock(&self.shown)[shown_before - 1..].to_vec();
        let ended = self.tick();
        Timed {
            began,
            ended,
            moments,
            event: Talk { call, answer },
        }
    }

    /// Something to ask.
    fn call(&self, draws: &mut Draws) -> Call {
        let number = x(draws.below(NUMBERS as usize) as u64);
        let (a, b) = two_people(draws);
        let (_, now) = self.now();
        let end = now.plus_ms([150, 400, 1_200, 3_000][draws.below(4)]);
        match (draws.below(20), self.some_binding(draws)) {
            (0..2, _) => Call::Dial {
                x: number,
                caller: a,
            },
            (2, _) => Call::Enable(number, draws.below(3) > 0),
            (3..5, Some(sub_id)) => Call::Show(sub_id),
            (5..8, Some(sub_id)) => Call::Unbind(sub_id),
            (8..10, Some(sub_id)) => Call::Update(sub_id, change(draws, number, a, end)),
            (10, Some(sub_id)) => Call::Upgrade(sub_id, b),
            (11..13, Some(_)) => Call::Dial {
                x: number,
                caller: b,
            },
            _ => Call::Bind {
                x: (draws.below(2) == 0).then_some(number),
                a,
                b: (draws.below(4) > 0).then_some(b),
                exclusive: draws.below(5) == 0,
                expires_at: end,
                key: None,
                live_max: self.live_max,
            },
        }
    }
}

fn two_people(draws: &mut Draws) -> (PhoneNumber, PhoneNumber) {
    let first = draws.below(PEOPLE as usize) as u64;
    let other = (first + 1 + draws.below(PEOPLE as usize - 1) as u64) % PEOPLE;
    (person(first), person(other))
}

fn change(draws: &mut Draws, x: PhoneNumber, person: PhoneNumber, end: Timestamp) -> BindingChange {
    match draws.below(4) {
        0 => BindingChange::PhoneA(person),
        1 => BindingChange::PhoneB(person),
        2 => BindingChange::PhoneX(x),
        _ => BindingChange::ExpiresAt(end),
    }
}

/// One client's part of a round. Now and then it sends the same keyed bind that others send, or
/// has the clock jump, or the node sweep.
async fn client(scene: Arc<Scene>, node: Store, seed: u64) -> Vec<Timed<Talk>> {
    let mut draws = Draws::from_seed(seed);
    let mut heard = Vec::new();
    for _ in 0..REQUESTS {
        match draws.below(24) {
            0..2 if scene.jumps == Jumps::AnyTime => scene.jump_somewhere(&mut draws),
            2 => {
                let (_, now) = scene.now();
                node.sweep(now).await.expect("the store works");
            }
            _ => {}
        }
        let call = if draws.below(12) == 0 {
            keyed(&scene, draws.below(6) as u32)
        } else {
            scene.call(&mut draws)
        };
        let chance = draws.next_u64();
        heard.push(scene.talk(&node, call, chance).await);
    }
    heard
}

/// The bind that everybody sends with this key.
fn keyed(scene: &Scene, key: u32) -> Call {
    let index = u64::from(key);
    Call::Bind {
        x: None,
        a: person(index % PEOPLE),
        b: Some(person((index + 1) % PEOPLE)),
        exclusive: false,
        expires_at: at(4_000 + i64::from(key) * 500),
        key: Some(key),
        live_max: scene.live_max,
    }
}

/// Plays a history of so many rounds of a few requests of each client, then looks at everything
/// once more in peace. `None` without a server.
pub(crate) async fn history(
    engine: Engine,
    jumps: Jumps,
    rounds: u32,
    seed: u64,
) -> Option<Vec<Timed<Talk>>> {
    let venue = Venue::open(engine, NUMBERS, RULES.of_pool()).await?;
    let scene = Arc::new(Scene {
        jumps,
        ticks: AtomicU64::new(0),
        shown: Mutex::new(vec![at(0)]),
        known: Mutex::default(),
        live_max: seed.is_multiple_of(2).then_some(5),
    });
    let mut draws = Draws::from_seed(seed);
    let mut heard = Vec::new();
    for _ in 0..rounds {
        let nodes = venue.nodes.iter().cycle().take(CLIENTS);
        let clients: Vec<_> = nodes
            .map(|node| tokio::spawn(client(Arc::clone(&scene), node.clone(), draws.next_u64())))
            .collect();
        for client in clients {
            heard.extend(client.await.expect("the client finished"));
        }
        scene.jump_somewhere(&mut draws);
    }
    look_once_more(&scene, &venue, &mut heard).await;
    assert_told(&venue, &heard).await;
    venue.close().await;
    heard.sort_by_key(|event| event.began);
    Some(heard)
}

async fn look_once_more(scene: &Scene, venue: &Venue, heard: &mut Vec<Timed<Talk>>) {
    let bound = heard.iter().filter_map(|timed| match &timed.event.answer {
        Answer::Bound(held) | Answer::Changed(held) => Some(held.sub_id),
        _ => None,
    });
    let mut calls: Vec<Call> = bound.map(Call::Show).collect();
    for number in 0..NUMBERS {
        calls.extend((0..PEOPLE).map(|caller| Call::Dial {
            x: x(number),
            caller: person(caller),
        }));
    }
    for (call, node) in calls.into_iter().zip(venue.nodes.iter().cycle()) {
        heard.push(scene.talk(node, call, 0).await);
    }
}

/// Each binding that was answered was told of once, and each end at most once.
async fn assert_told(venue: &Venue, heard: &[Timed<Talk>]) {
    let mut bound: Vec<String> = Vec::new();
    let mut unbound: Vec<String> = Vec::new();
    for Timed { event, .. } in heard {
        match (&event.call, &event.answer) {
            (Call::Bind { .. }, Answer::Bound(held)) => bound.push(held.sub_id.to_string()),
            (Call::Upgrade(ax, _), Answer::Changed(held)) => {
                bound.push(held.sub_id.to_string());
                unbound.push(ax.to_string());
            }
            (Call::Unbind(sub_id), Answer::Done) => unbound.push(sub_id.to_string()),
            _ => {}
        }
    }
    let told = venue.nodes[0].events(0, 10_000).await.expect("works");
    for (topic, mut expected) in [
        (Topic::BindingBound, bound),
        (Topic::BindingUnbound, unbound),
    ] {
        let own = told.iter().filter(|event| event.topic == topic);
        let mut subjects: Vec<String> = own.map(|event| event.subject.clone()).collect();
        subjects.sort();
        expected.sort();
        assert_eq!(subjects, expected, "{topic:?}");
    }
}

/// The world that every history begins with.
pub(crate) fn world() -> World {
    World::new((0..NUMBERS).map(x).collect(), pool(), RULES)
}

/// Fails when no order explains a history.
pub(crate) fn assert_explained(what: &str, heard: &[Timed<Talk>]) {
    if let Err(unexplained) = explain(&world(), heard) {
        for event in heard {
            println!("{event:?}");
        }
        panic!(
            "{what}: no order explains the history; of {} answers {} can be put in order, then one of these had to follow:\n{}",
            heard.len(),
            unexplained.explained,
            unexplained.stuck
        );
    }
}
