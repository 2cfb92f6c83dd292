//! Moves events out of the outbox and keeps a lane going for every receiver that is owed something.
//!
//! Nothing here is needed for correctness but to go on: what is owed stands in the store, and what
//! a node held when it died comes free when its leases end.

use std::{
    collections::HashMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use axbridge_domain::delivery::Allowance;
use axbridge_store::delivery::{Holder, Receiver, ReceiverRef};
use tokio::{sync::watch, task::JoinSet};

use super::{
    Render,
    lane::{Health, Lane},
    metrics::ReceiverStates,
    sender::Sender,
};
use crate::{App, AppError};

/// The most events that one transaction turns into deliveries.
const FANNED_OUT_AT_ONCE: u64 = 2000;
/// The most receivers that are sent to at once; others wait for their turn.
const LANES_MAX: usize = 1024;
/// How old what is known of the receivers may be.
const RECEIVERS_KNOWN_FOR: Duration = Duration::from_secs(1);
/// How often old events are dropped.
const PURGE_EVERY: Duration = Duration::from_secs(60);

/// A lane's end: whose it was and how the receiver is.
type LaneEnd = (ReceiverRef, Health);

struct Dispatcher {
    app: Arc<App>,
    render: Render,
    holder: Holder,
    sender: Sender,
    receivers: HashMap<ReceiverRef, Arc<Receiver>>,
    known_at: Option<Instant>,
    purged_at: Option<Instant>,
    resting: HashMap<ReceiverRef, Health>,
    running: HashMap<ReceiverRef, watch::Sender<Option<Arc<Receiver>>>>,
    lanes: JoinSet<LaneEnd>,
}

impl App {
    /// Delivers events until `stop` is ready; then finishes what is under way.
    ///
    /// # Errors
    /// When the system gives no random number or no way to send; nothing was begun then.
    pub async fn deliver_until(
        self: Arc<Self>,
        render: Render,
        stop: impl Future<Output = ()>,
    ) -> Result<(), AppError> {
        let sender = Sender::new(&self.callbacks, None).map_err(AppError::Internal)?;
        let mut dispatcher = Dispatcher {
            render,
            holder: Holder::new(self.chance.u64()?),
            sender,
            receivers: HashMap::new(),
            known_at: None,
            purged_at: None,
            resting: HashMap::new(),
            running: HashMap::new(),
            lanes: JoinSet::new(),
            app: self,
        };
        dispatcher.run(stop).await;
        Ok(())
    }
}

impl Dispatcher {
    async fn run(&mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let poll = self.app.callbacks.poll;
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "callbacks wait for the store");
            }
            let rest = tokio::time::sleep(poll);
            tokio::pin!(rest);
            loop {
                tokio::select! {
                    () = &mut stop => return self.stop().await,
                    () = &mut rest => break,
                    Some(ended) = self.lanes.join_next() => self.ended(ended),
                }
            }
        }
    }

    /// Looks at what is new and what is due, and starts the lanes that have something to do.
    async fn look(&mut self) -> Result<(), AppError> {
        let app = Arc::clone(&self.app);
        while app.store().fan_out(FANNED_OUT_AT_ONCE).await?.events == FANNED_OUT_AT_ONCE {}
        self.purge_sometimes().await?;
        let due = app.store().due_receivers(app.now()).await?;
        if due.is_empty() && self.running.is_empty() {
            return Ok(());
        }
        self.know_receivers().await?;
        for receiver in due {
            let now = self.app.now();
            let health = self.resting.get(&receiver);
            let breaker = health.map(|it| it.breaker).unwrap_or_default();
            let waits = matches!(breaker.allowance(now), Allowance::NotBefore(_));
            let is_running = self.running.contains_key(&receiver);
            if waits || is_running || self.running.len() >= LANES_MAX {
                continue;
            }
            let known = self.receivers.get(&receiver);
            if let Some(known) = known.filter(|it| !it.paused).cloned() {
                self.start(receiver, known);
            }
        }
        Ok(())
    }

    fn start(&mut self, receiver: ReceiverRef, known: Arc<Receiver>) {
        let health = self.resting.remove(&receiver).unwrap_or_default();
        let (tell, told) = watch::channel(Some(known));
        self.running.insert(receiver, tell);
        let lane = Lane {
            app: Arc::clone(&self.app),
            render: self.render,
            holder: self.holder,
            receiver,
            told,
            health,
            shared: self.sender.clone(),
        };
        self.lanes.spawn(lane.run());
    }

    fn ended(&mut self, ended: Result<LaneEnd, tokio::task::JoinError>) {
        match ended {
            Ok((receiver, health)) => {
                self.running.remove(&receiver);
                self.resting.insert(receiver, health);
            }
            Err(error) => {
                tracing::error!(%error, "a callback's lane failed");
                // Whose it was is not told: its channel has no one at the other end.
                self.running.retain(|_, tell| !tell.is_closed());
            }
        }
    }

    /// Reads the receivers anew when what is known of them is old, and tells the lanes.
    async fn know_receivers(&mut self) -> Result<(), AppError> {
        let is_fresh = self
            .known_at
            .is_some_and(|at| at.elapsed() < RECEIVERS_KNOWN_FOR);
        if is_fresh {
            return Ok(());
        }
        let mut known = HashMap::new();
        for receiver in self.app.list_receivers(None).await? {
            let reference = ReceiverRef {
                account: receiver.account,
                id: receiver.id,
            };
            known.insert(reference, Arc::new(receiver));
        }
        self.receivers = known;
        self.known_at = Some(Instant::now());
        self.resting.retain(|it, _| self.receivers.contains_key(it));
        for (receiver, tell) in &self.running {
            let now = self.receivers.get(receiver).filter(|it| !it.paused);
            tell.send_replace(now.cloned());
        }
        self.count_receivers();
        Ok(())
    }

    fn count_receivers(&self) {
        let mut states = ReceiverStates::default();
        for (reference, receiver) in &self.receivers {
            let health = self.resting.get(reference);
            let count = if receiver.paused {
                &mut states.paused
            } else if health.is_some_and(|it| it.breaker.is_open()) {
                &mut states.broken
            } else {
                &mut states.working
            };
            *count += 1;
        }
        self.app.metrics.callbacks().receivers_are(states);
    }

    async fn purge_sometimes(&mut self) -> Result<(), AppError> {
        let is_due = self.purged_at.is_none_or(|at| at.elapsed() >= PURGE_EVERY);
        if is_due {
            self.purged_at = Some(Instant::now());
            let kept_ms = self.app.call_settings.events_kept_ms;
            let before = self.app.now().plus_ms(-kept_ms);
            self.app.store().purge_deliveries(before).await?;
            // Also shows receivers that are owed nothing.
            self.known_at = None;
            self.know_receivers().await?;
        }
        Ok(())
    }

    /// Lets the lanes finish what is under way and give back the rest.
    async fn stop(&mut self) {
        for tell in self.running.values() {
            tell.send_replace(None);
        }
        while let Some(ended) = self.lanes.join_next().await {
            self.ended(ended);
        }
    }
}
