//! One client that binds and unbinds, and writes down what was acknowledged. A
//! request without an answer is repeated, on the next node, until one comes.

use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axbridge_tests::signed_client::{Reply, SignedClient};
use serde_json::{Value, json};

use crate::Shared;

/// A's and as many B's, shared by all workers so that they compete for routes.
const PARTIES: usize = 500;

/// Of so many bindings one is ended.
const ENDED_ONE_IN: usize = 3;

/// Between two requests of a worker: a load, not a benchmark.
const PAUSE: Duration = Duration::from_millis(8);

/// Between two tries of one request.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// After this long without an answer the worker gives up.
const PATIENCE: Duration = Duration::from_secs(90);

/// How far away the end of each binding is.
const BINDING_S: u64 = 3600;

/// An acknowledged binding.
pub(crate) struct Entry {
    pub(crate) sub_id: String,
    pub(crate) x: String,
    pub(crate) a: String,
    pub(crate) b: String,
    /// Whether its unbind was acknowledged.
    pub(crate) ended: bool,
    /// The node that acknowledged the bind, and when, since the load began.
    pub(crate) node: usize,
    pub(crate) at: Duration,
}

/// What one worker knows at the end.
#[derive(Default)]
pub(crate) struct Diary {
    pub(crate) entries: Vec<Entry>,
    /// Tries that brought no answer or `ServiceUnavailable`.
    pub(crate) without_answer: u64,
    /// Requests that were answered only when they were repeated.
    pub(crate) settled: u64,
    /// Answers that should not have come.
    pub(crate) refused: Vec<String>,
    /// The longest time that one try took to come to an end.
    pub(crate) longest: Duration,
}

/// A client with a connection to each node.
pub(crate) struct Worker<'s> {
    shared: &'s Shared,
    number: usize,
    nodes: Vec<SignedClient>,
    diary: Diary,
}

/// An answer, and the node that gave it.
struct Answered {
    result: Result<Value, String>,
    node: usize,
    repeated: bool,
}

impl<'s> Worker<'s> {
    pub(crate) fn new(shared: &'s Shared, number: usize) -> Self {
        Self {
            shared,
            number,
            nodes: shared.nodes.clone(),
            diary: Diary::default(),
        }
    }

    /// Works until it is told to stop.
    pub(crate) fn work(mut self) -> Diary {
        let mut turn = 0;
        while !self.shared.stop.load(Ordering::SeqCst) {
            self.bind(turn);
            if turn == 0 {
                self.shared.answered.fetch_add(1, Ordering::SeqCst);
            }
            if turn % ENDED_ONE_IN == 0 {
                self.unbind_last();
            }
            turn += 1;
            sleep(PAUSE);
        }
        self.diary
    }

    fn bind(&mut self, turn: usize) {
        let (a, b) = parties(self.number, turn);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let wish = json!({
            "PhoneNoA": a,
            "PhoneNoB": b,
            "NumberPoolNo": self.shared.pool,
            "CityCode": "010",
            "ExpireTime": now.unwrap_or_default().as_secs() + BINDING_S,
            "ClientToken": format!("worker-{}-turn-{turn}", self.number),
        });
        let answered = self.until_answered("SelectNumberAndBindAXB", &wish);
        let text = |bound: &Value, name: &str| bound[name].as_str().unwrap_or_default().to_owned();
        match answered.result {
            Ok(bound) => self.diary.entries.push(Entry {
                sub_id: text(&bound, "SubId"),
                x: text(&bound, "PhoneNoX"),
                a,
                b,
                ended: false,
                node: answered.node,
                at: self.shared.began.elapsed(),
            }),
            Err(refusal) => self.diary.refused.push(refusal),
        }
    }

    fn unbind_last(&mut self) {
        let Some(last) = self.diary.entries.last() else {
            return;
        };
        let wish = json!({"NumberPoolNo": self.shared.pool, "SubId": last.sub_id});
        let answered = self.until_answered("UnbindAXB", &wish);
        match answered.result {
            Ok(_) => self.note_end(),
            // The try before, whose answer was lost, has ended it.
            Err(refusal) if answered.repeated && refusal.starts_with("SubscriptionEmpty") => {
                self.note_end();
            }
            Err(refusal) => self.diary.refused.push(refusal),
        }
    }

    fn note_end(&mut self) {
        if let Some(last) = self.diary.entries.last_mut() {
            last.ended = true;
        }
    }

    fn until_answered(&mut self, action: &str, wish: &Value) -> Answered {
        let started = Instant::now();
        let mut tries = 0;
        loop {
            let node = (self.number + tries) % self.nodes.len();
            let asked = Instant::now();
            let reply = self.nodes[node].call(action, wish);
            self.diary.longest = self.diary.longest.max(asked.elapsed());
            let result = match reply {
                Reply::Done(result) => Ok(result),
                Reply::Refused { code, message } => Err(format!("{code}: {message}")),
                Reply::Unknown(_) if started.elapsed() < PATIENCE => {
                    self.diary.without_answer += 1;
                    tries += 1;
                    sleep(RETRY_PAUSE);
                    continue;
                }
                Reply::Unknown(what) => Err(format!("no answer to {action}: {what}")),
            };
            let repeated = tries > 0;
            self.diary.settled += u64::from(repeated && result.is_ok());
            return Answered {
                result,
                node,
                repeated,
            };
        }
    }
}

/// A pair of parties, spread so that every worker meets every party.
fn parties(worker: usize, turn: usize) -> (String, String) {
    let a = (turn * 7 + worker * 61) % PARTIES;
    let b = (turn * 13 + worker * 37 + turn / PARTIES) % PARTIES;
    (format!("1370000{a:04}"), format!("1380000{b:04}"))
}
