//! One receiver's deliveries: leases what is due, sends a few at once, notes what became of each.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axbridge_domain::{
    delivery::{Allowance, Breaker, EventKind, Next},
    time::Timestamp,
};
use axbridge_store::delivery::{Finished, Holder, Lease, Leased, Outcome, Receiver, ReceiverRef};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};

use super::{
    Render, event_id,
    sender::{Letter, Sender},
};
use crate::App;

/// Deliveries that a lane takes at once, as a multiple of what it sends at once.
const ROUNDS_LEASED: usize = 2;
/// What a lease lasts longer than all its tries would take if each timed out.
const LEASE_MARGIN_MS: i64 = 10_000;
/// When a message that could not be read from the store is tried again.
const STORE_TROUBLE_MS: i64 = 10_000;

/// What is known of a receiver from one lane to the next.
#[derive(Default)]
pub(super) struct Health {
    pub(super) breaker: Breaker,
    /// The way to a receiver with an authority of its own, and the version of it.
    own: Option<(Timestamp, Sender)>,
}

/// A lane.
pub(super) struct Lane {
    pub(super) app: Arc<App>,
    pub(super) render: Render,
    pub(super) holder: Holder,
    pub(super) receiver: ReceiverRef,
    /// The receiver as it is now; nothing once it is gone, paused, or the lane is to end.
    pub(super) told: watch::Receiver<Option<Arc<Receiver>>>,
    pub(super) health: Health,
    pub(super) shared: Sender,
}

/// A delivery that waits in the lane.
struct Held {
    leased: Leased,
    lease: Lease,
}

/// One that was dealt with.
struct Done {
    finished: Finished,
    lease: Lease,
    /// Whether the receiver took it; `None` when it was not asked.
    taken: Option<bool>,
}

impl Lane {
    /// Runs until nothing is due, the receiver is to be left alone, or the lane is told to end.
    pub(super) async fn run(mut self) -> (ReceiverRef, Health) {
        let mut waiting: VecDeque<Held> = VecDeque::new();
        // Tasks of their own, which go on while the lane waits for the store: each may hold one of
        // its connections, and the lane wants one, too.
        let mut under_way = JoinSet::new();
        let mut store_works = true;
        loop {
            let now = self.app.now();
            let receiver = self.told.borrow_and_update().clone();
            let room = self.room(receiver.is_some() && store_works, now);
            if waiting.is_empty() && room > under_way.len() {
                waiting.extend(self.lease(room, now).await);
            }
            if let Some(receiver) = &receiver {
                let sender = self.sender(receiver);
                while room > under_way.len()
                    && let Some(held) = waiting.pop_front()
                {
                    let (app, receiver) = (Arc::clone(&self.app), Arc::clone(receiver));
                    under_way.spawn(deal(app, self.render, receiver, sender.clone(), held));
                }
            }
            let mut done = Vec::new();
            if room == 0 {
                done.extend(waiting.drain(..).map(|held| returned(&held)));
            }
            match under_way.join_next().await {
                Some(first) => done.extend(whole(first)),
                None if done.is_empty() => return (self.receiver, self.health),
                None => {}
            }
            while let Some(next) = under_way.try_join_next() {
                done.extend(whole(next));
            }
            if done.is_empty() {
                continue;
            }
            store_works = self.note(done).await;
        }
    }

    /// How many may be under way at once.
    fn room(&self, goes_on: bool, now: Timestamp) -> usize {
        match self.health.breaker.allowance(now) {
            _ if !goes_on => 0,
            Allowance::All => self.app.callbacks.concurrency.max(1),
            Allowance::Probe => 1,
            Allowance::NotBefore(_) => 0,
        }
    }

    /// Takes what is due.
    async fn lease(&self, room: usize, now: Timestamp) -> Vec<Held> {
        let settings = &self.app.callbacks;
        let is_probe = self.health.breaker.is_open();
        let limit = if is_probe { 1 } else { room * ROUNDS_LEASED };
        let timeout_ms = millis(settings.timeout);
        let tries = i64::try_from(ROUNDS_LEASED + 1).unwrap_or(i64::MAX);
        let lease = Lease {
            holder: self.holder,
            until: now.plus_ms(timeout_ms * tries + LEASE_MARGIN_MS),
            limit: limit as u64,
        };
        let store = self.app.store();
        match store.lease_deliveries(self.receiver, lease, now).await {
            Ok(leased) => {
                let hold = |leased| Held { leased, lease };
                leased.into_iter().map(hold).collect()
            }
            Err(error) => {
                tracing::warn!(%error, receiver = %self.receiver.id, "callbacks wait for the store");
                Vec::new()
            }
        }
    }

    /// The way to the receiver: that of all, unless it has an authority of its own.
    fn sender(&mut self, receiver: &Receiver) -> Result<Sender, String> {
        let Some(pem) = &receiver.ca_pem else {
            self.health.own = None;
            return Ok(self.shared.clone());
        };
        match &self.health.own {
            Some((version, sender)) if *version == receiver.changed_at => Ok(sender.clone()),
            _ => {
                let sender = Sender::new(&self.app.callbacks, Some(pem))?;
                self.health.own = Some((receiver.changed_at, sender.clone()));
                Ok(sender)
            }
        }
    }

    /// Writes down what became of deliveries; false when the store does not take it.
    async fn note(&mut self, done: Vec<Done>) -> bool {
        let now = self.app.now();
        let mut recovered = false;
        for taken in done.iter().filter_map(|one| one.taken) {
            if taken {
                recovered |= self.health.breaker.succeeded();
            } else {
                let rules = self.app.callbacks.breaker;
                let was_open = self.health.breaker.is_open();
                self.health.breaker.failed(now, rules);
                if !was_open && self.health.breaker.is_open() {
                    tracing::warn!(receiver = %self.receiver.id, "a callback's receiver is left alone for a while: it fails");
                }
            }
        }
        // All of a batch share holder and receiver, which is all that finishing asks of a lease.
        let Some(lease) = done.first().map(|one| one.lease) else {
            return false;
        };
        let finished = done.into_iter().map(|one| one.finished).collect();
        let store = self.app.store();
        let mut noted = store
            .finish_deliveries(self.receiver, lease, finished, now)
            .await;
        if recovered {
            tracing::info!(receiver = %self.receiver.id, "a callback's receiver works again");
            noted = noted.and(store.hasten_deliveries(self.receiver, now).await);
        }
        match noted {
            Ok(()) => true,
            Err(error) => {
                // They come again when the lease ends: twice rather than never.
                tracing::warn!(%error, receiver = %self.receiver.id, "what became of callbacks could not be noted");
                false
            }
        }
    }
}

/// What a task came to. One that stopped early leaves its delivery to the end of the lease.
fn whole(joined: Result<Done, JoinError>) -> Option<Done> {
    joined
        .inspect_err(|error| tracing::error!(%error, "a callback's task stopped early"))
        .ok()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn finished(leased: &Leased, outcome: Outcome) -> Finished {
    Finished {
        event: leased.event.id,
        outcome,
        failures: leased.failures,
        status: None,
        note: None,
    }
}

/// A delivery that goes back as it was.
fn returned(held: &Held) -> Done {
    Done {
        finished: finished(&held.leased, Outcome::Returned),
        lease: held.lease,
        taken: None,
    }
}

/// Deals with one delivery: sends it, unless there is a reason not to.
async fn deal(
    app: Arc<App>,
    render: Render,
    receiver: Arc<Receiver>,
    sender: Result<Sender, String>,
    held: Held,
) -> Done {
    let Held { leased, lease } = held;
    let (now, settings) = (app.now(), &app.callbacks);
    let not_asked = |outcome: Outcome, note: Option<String>| Done {
        finished: Finished {
            note,
            ..finished(&leased, outcome)
        },
        lease,
        taken: None,
    };
    let kind = leased.event.topic.kind();
    if now.plus_ms(millis(settings.timeout)) >= lease.until {
        // Somebody else may have it before this try would end.
        return not_asked(Outcome::Returned, None);
    }
    if settings.schedule.is_stale(kind, leased.queued_at, now) {
        app.metrics.callbacks().tried(kind, "stale");
        let note = leased
            .failures
            .eq(&0)
            .then(|| "too old to be sent".to_owned());
        return not_asked(Outcome::Stale, note);
    }
    let message = match app.message_of(&leased.event).await {
        Ok(Some(message)) => message,
        Ok(None) => {
            app.metrics.callbacks().tried(kind, "parked");
            let note = "what it tells of is no longer kept".to_owned();
            return not_asked(Outcome::Parked, Some(note));
        }
        Err(error) => {
            tracing::warn!(%error, event = leased.event.id, "a callback could not be written");
            let again = Outcome::Retry(now.plus_ms(STORE_TROUBLE_MS));
            return not_asked(again, Some("the store could not be read".to_owned()));
        }
    };
    let body = render(&message);
    let event_id = event_id(leased.event.id, receiver.id);
    let letter = Letter {
        url: &receiver.url,
        token: receiver.token.reveal(),
        event_id: &event_id,
        body: &body,
        unix_s: app.clock.now().unix_s(),
    };
    let answer = match &sender {
        Ok(sender) => sender.send(&letter).await,
        Err(error) => Err(error.clone()),
    };
    judge(
        &app,
        kind,
        &leased,
        lease,
        answer.map(|answer| answer.status),
    )
}

/// What follows from an answer, or from there being none.
fn judge(
    app: &App,
    kind: EventKind,
    leased: &Leased,
    lease: Lease,
    answer: Result<u16, String>,
) -> Done {
    let now = app.now();
    let (status, note) = match answer {
        Ok(status) if (200..300).contains(&status) => {
            app.metrics.callbacks().tried(kind, "delivered");
            let delay = now.ms_since(leased.queued_at).max(0).unsigned_abs();
            app.metrics
                .callbacks()
                .delivered_after(Duration::from_millis(delay));
            return Done {
                finished: Finished {
                    status: Some(status),
                    ..finished(leased, Outcome::Delivered)
                },
                lease,
                taken: Some(true),
            };
        }
        Ok(status) => (Some(status), None),
        Err(why) => (None, Some(why)),
    };
    let failures = leased.failures.saturating_add(1);
    let schedule = &app.callbacks.schedule;
    let (outcome, word) = match schedule.after_failure(kind, leased.queued_at, failures, now) {
        Next::At(at) => (Outcome::Retry(at), "failed"),
        Next::Park => (Outcome::Parked, "parked"),
        Next::Stale => (Outcome::Stale, "stale"),
    };
    app.metrics.callbacks().tried(kind, word);
    Done {
        finished: Finished {
            event: leased.event.id,
            outcome,
            failures,
            status,
            note,
        },
        lease,
        taken: Some(false),
    }
}
