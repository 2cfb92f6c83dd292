//! The load itself: workers, each on a connection of its own, asking one thing
//! at a time.
//!
//! Closed loop: a worker asks again as soon as it was answered. Open loop:
//! requests are due at fixed times whether or not the server keeps up, and a
//! late one is timed from when it was due; so a stall counts for all the
//! requests it held up, not for one (coordinated omission).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::connection::{Answer, Connection};
use super::plan::{Plan, Request};
use super::tally::Tally;
use crate::client::Client;
use crate::failure::Failure;

/// After this long without an answer a request counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause before a broken connection is opened again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);

/// How late a timer of this program may be. A worker that was free and woke so
/// late times from when it sent: that delay is not the server's.
const TIMER_LATENESS: Duration = Duration::from_millis(2);

/// What is to be done.
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) client: Client,
    pub(super) plan: Plan,
    pub(super) connections: u32,
    /// Requests a second of the open loop; `None` is the closed loop.
    pub(super) rate_per_s: Option<u32>,
    /// Not counted.
    pub(super) warm_up: Duration,
    /// Counted.
    pub(super) duration: Duration,
}

/// A load that is on.
pub(super) struct Run {
    shared: Arc<Shared>,
    workers: JoinSet<Tally>,
}

struct Shared {
    load: Arc<Load>,
    began: Instant,
    answers: AtomicU64,
    next_slot: AtomicU64,
}

impl Run {
    /// Starts the workers.
    pub(super) fn start(load: Arc<Load>) -> Self {
        let shared = Arc::new(Shared {
            load,
            began: Instant::now(),
            answers: AtomicU64::new(0),
            next_slot: AtomicU64::new(0),
        });
        let mut workers = JoinSet::new();
        for _ in 0..shared.load.connections {
            workers.spawn(work(shared.clone()));
        }
        Self { shared, workers }
    }

    /// How long it has been on.
    pub(super) fn elapsed(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Whether the warm-up is over.
    pub(super) fn is_measuring(&self) -> bool {
        self.elapsed() >= self.shared.load.warm_up
    }

    /// Whether no more requests are sent.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.shared.end()
    }

    /// Requests answered so far, with those of the warm-up.
    pub(super) fn answers(&self) -> u64 {
        self.shared.answers.load(Ordering::Relaxed)
    }

    /// Waits for the last answers.
    pub(super) async fn finish(mut self) -> Result<Tally, Failure> {
        let mut all = Tally::default();
        while let Some(tally) = self.workers.join_next().await {
            let tally = tally
                .map_err(|error| Failure::new(format!("a worker of the load died: {error}")))?;
            all.add(&tally);
        }
        Ok(all)
    }
}

impl Shared {
    fn measured_from(&self) -> Instant {
        self.began + self.load.warm_up
    }

    fn end(&self) -> Instant {
        self.measured_from() + self.load.duration
    }

    /// Waits until the next request is due and gives the moment it is timed
    /// from.
    async fn due(&self) -> Instant {
        let Some(rate) = self.load.rate_per_s else {
            return Instant::now();
        };
        let slot = self.next_slot.fetch_add(1, Ordering::Relaxed);
        let due = self.began + Duration::from_secs_f64(slot as f64 / f64::from(rate));
        let was_free = Instant::now() < due;
        tokio::time::sleep_until(due.into()).await;
        let now = Instant::now();
        if was_free && now.duration_since(due) <= TIMER_LATENESS {
            now
        } else {
            due
        }
    }
}

async fn work(shared: Arc<Shared>) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    let mut last_sub_id = None;
    loop {
        let from = shared.due().await;
        if from >= shared.end() || Instant::now() >= shared.end() {
            return tally;
        }
        let request = shared.load.plan.next(last_sub_id.take());
        let answer = ask(&shared.load, &mut connection, &request).await;
        let took = from.elapsed();
        shared.answers.fetch_add(1, Ordering::Relaxed);
        if let Some(answer) = &answer {
            let plan = &shared.load.plan;
            last_sub_id = plan.sub_id_to_end(request.action, &answer.body);
        }
        if from >= shared.measured_from() {
            tally.note(request.action, answer.as_ref(), took);
        }
    }
}

/// One request; `None` when there was no answer.
async fn ask(
    load: &Load,
    connection: &mut Option<Connection>,
    request: &Request,
) -> Option<Answer> {
    let bytes = on_the_wire(&load.client, request);
    let exchange = async {
        let open = match connection.take() {
            Some(open) => open,
            None => Connection::open(load.address).await?,
        };
        connection.insert(open).exchange(&bytes).await
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(_)) | Err(_) => {
            *connection = None;
            tokio::time::sleep(RECONNECT_PAUSE).await;
            None
        }
    }
}

/// The request, signed.
fn on_the_wire(client: &Client, request: &Request) -> Vec<u8> {
    let signed = client.sign(request.action, &request.body);
    let mut bytes = format!(
        "POST /?{} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json; charset=UTF-8\r\n\
         Content-Length: {}\r\n",
        Plan::query(request.action),
        client.host(),
        request.body.len(),
    )
    .into_bytes();
    for (name, value) in signed.as_pairs() {
        for part in [name, ": ", value, "\r\n"] {
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}
