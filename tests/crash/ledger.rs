//! What a client knows of its bindings, and the judgement of a server that has
//! come back: everything that was answered holds, everything unknown is whole
//! or not there.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axbridge_tests::signed_client::{Reply, SignedClient};
use serde_json::{Value, json};

use crate::dice::Dice;

/// How many B's all clients share, so that they compete for the routes (X, B).
const SHARED_BS: u64 = 25;

/// Live bindings that one client has at the most.
const LIVE_MAX: usize = 60;

/// Ended bindings that are looked at again after each crash.
const ENDED_LOOKED_AT: usize = 40;

/// How long a retry may meet its own earlier self at work.
const IN_WORK_MAX: Duration = Duration::from_secs(15);

/// What is known of one binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// No answer came to the bind.
    BindSent,
    /// The bind was answered.
    Live,
    /// No answer came to the unbind.
    UnbindSent,
    /// The unbind was answered.
    Ended,
    /// The bind was refused.
    Refused,
}

struct Entry {
    token: String,
    a: String,
    b: String,
    expire_s: u64,
    sub_id: String,
    x: String,
    known: Known,
}

/// Counts for the report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Binds that were answered.
    pub(crate) bound: u64,
    /// Unbinds that were answered.
    pub(crate) unbound: u64,
    /// Requests that a crash left without an answer.
    pub(crate) unknown: u64,
    /// Of those, binds that turned out to stand.
    pub(crate) found: u64,
    /// Live bindings whose two calls were resolved after a crash.
    pub(crate) resolved: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.bound += other.bound;
        self.unbound += other.unbound;
        self.unknown += other.unknown;
        self.found += other.found;
        self.resolved += other.resolved;
    }
}

/// One client's memory. Its A's are its own, one for each binding.
pub(crate) struct Ledger {
    number: u64,
    pool: String,
    entries: Vec<Entry>,
    dice: Dice,
    pub(crate) tally: Tally,
}

impl Ledger {
    pub(crate) fn new(number: u64, pool: &str, seed: u64) -> Self {
        Self {
            number,
            pool: pool.to_owned(),
            entries: Vec::new(),
            dice: Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(number)),
            tally: Tally::default(),
        }
    }

    /// The SubIds that were answered to binds.
    pub(crate) fn sub_ids(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries.iter().map(|entry| entry.sub_id.as_str());
        entries.filter(|sub_id| !sub_id.is_empty())
    }

    /// The SubIds whose unbind was answered.
    pub(crate) fn ended_ids(&self) -> impl Iterator<Item = &str> {
        let ended = self.entries.iter().filter(|it| it.known == Known::Ended);
        ended.map(|entry| entry.sub_id.as_str())
    }

    /// Binds or unbinds. Gives whether an answer came.
    pub(crate) fn act(&mut self, client: &mut SignedClient) -> bool {
        let live: Vec<usize> = (0..self.entries.len())
            .filter(|index| self.entries[*index].known == Known::Live)
            .collect();
        let unbinds = live.len() >= LIVE_MAX || self.dice.below(100) < 35;
        if unbinds && !live.is_empty() {
            let pick = self.dice.below(live.len() as u64) as usize;
            self.unbind(live[pick], client)
        } else {
            self.bind_new(client)
        }
    }

    /// Binds a new A. Gives whether an answer came.
    pub(crate) fn bind_new(&mut self, client: &mut SignedClient) -> bool {
        let count = self.entries.len();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.entries.push(Entry {
            token: format!("client-{}-{count}", self.number),
            a: format!("1370{:02}{count:05}", self.number),
            b: format!("1380000{:04}", self.dice.below(SHARED_BS)),
            expire_s: now.unwrap_or_default().as_secs() + 7200,
            sub_id: String::new(),
            x: String::new(),
            known: Known::BindSent,
        });
        let reply = client.call(
            "SelectNumberAndBindAXB",
            &self.bind_parameters(&self.entries[count]),
        );
        let entry = &mut self.entries[count];
        match reply {
            Reply::Done(result) => {
                entry.learn(&result);
                self.tally.bound += 1;
                true
            }
            Reply::Refused { code, message } => {
                assert_eq!(code, "NumberNotEnough", "{message}");
                entry.known = Known::Refused;
                true
            }
            Reply::Unknown(_) => {
                self.tally.unknown += 1;
                false
            }
        }
    }

    fn unbind(&mut self, index: usize, client: &mut SignedClient) -> bool {
        let parameters = json!({"NumberPoolNo": self.pool, "SubId": self.entries[index].sub_id});
        let entry = &mut self.entries[index];
        match client.call("UnbindAXB", &parameters) {
            Reply::Done(_) => {
                entry.known = Known::Ended;
                self.tally.unbound += 1;
                true
            }
            Reply::Refused { code, message } => {
                panic!("a live binding cannot be ended: {code} {message}")
            }
            Reply::Unknown(_) => {
                entry.known = Known::UnbindSent;
                self.tally.unknown += 1;
                false
            }
        }
    }

    fn bind_parameters(&self, entry: &Entry) -> Value {
        json!({
            "NumberPoolNo": self.pool,
            "PhoneNoA": entry.a,
            "PhoneNoB": entry.b,
            "ExpireTime": entry.expire_s,
            "ClientToken": entry.token,
        })
    }

    /// After a crash: judges everything, and clears up what was unknown.
    pub(crate) fn settle(&mut self, client: &mut SignedClient) {
        for index in 0..self.entries.len() {
            match self.entries[index].known {
                Known::BindSent => self.settle_bind(index, client),
                Known::UnbindSent => self.settle_unbind(index, client),
                Known::Live | Known::Ended | Known::Refused => {}
            }
        }
        for index in 0..self.entries.len() {
            if self.entries[index].known == Known::Live {
                self.entries[index].must_resolve(client);
                self.tally.resolved += 1;
            }
        }
        self.look_at_ended(client);
    }

    /// A bind without an answer is there once or not at all, and its retry gives the same.
    fn settle_bind(&mut self, index: usize, client: &mut SignedClient) {
        let entry = &self.entries[index];
        let before = entry.standing(client);
        assert!(before.len() <= 1, "one bind, several bindings: {before:?}");
        if let Some(found) = before.first() {
            let mut found_entry = Entry { ..entry.copy() };
            found_entry.learn(found);
            found_entry.must_resolve(client);
        }
        let parameters = self.bind_parameters(entry);
        let started = Instant::now();
        let reply = loop {
            match client.call("SelectNumberAndBindAXB", &parameters) {
                // The first one is still being worked on, as a database may after its client died.
                Reply::Refused { code, .. }
                    if code == "OperationDenied" && started.elapsed() < IN_WORK_MAX =>
                {
                    std::thread::sleep(Duration::from_millis(50));
                }
                reply => break reply,
            }
        };
        let entry = &mut self.entries[index];
        match reply {
            Reply::Done(result) => {
                entry.learn(&result);
                let found = before.first().map(|it| it["SubId"].clone());
                assert!(
                    found.is_none_or(|sub_id| sub_id == entry.sub_id.as_str()),
                    "a retry made another binding: {before:?}, {result}"
                );
                let again = client.call("SelectNumberAndBindAXB", &parameters);
                assert_eq!(again.done("the second retry")["SubId"], result["SubId"]);
                let after = entry.standing(client);
                assert_eq!(after.len(), 1, "{after:?}");
                self.tally.found += before.len() as u64;
            }
            Reply::Refused { code, message } => {
                assert_eq!(code, "NumberNotEnough", "{message}");
                assert!(
                    before.is_empty(),
                    "bound, but the retry is refused: {message}"
                );
                entry.known = Known::Refused;
            }
            Reply::Unknown(why) => panic!("a server that is back must answer: {why}"),
        }
    }

    /// An unbind without an answer took place or did not; its retry ends the binding.
    fn settle_unbind(&mut self, index: usize, client: &mut SignedClient) {
        let entry = &self.entries[index];
        if entry.status(client) == 1 {
            entry.must_resolve(client);
        } else {
            entry.must_be_over(client);
        }
        let parameters = json!({"NumberPoolNo": self.pool, "SubId": entry.sub_id});
        match client.call("UnbindAXB", &parameters) {
            Reply::Done(_) => {}
            Reply::Refused { code, message } => {
                assert_eq!(code, "SubscriptionEmpty", "{message}");
            }
            Reply::Unknown(why) => panic!("a server that is back must answer: {why}"),
        }
        entry.must_be_over(client);
        self.entries[index].known = Known::Ended;
    }

    /// Nobody is connected by any binding, not even by those that lived.
    pub(crate) fn all_must_be_silent(&self, client: &mut SignedClient) {
        for entry in self.entries.iter().filter(|it| !it.sub_id.is_empty()) {
            entry.must_be_over(client);
        }
    }

    /// On damaged data: each call reaches whom it should, or nobody, or an error.
    pub(crate) fn none_may_reach_strangers(&self, client: &mut SignedClient) {
        for entry in self.entries.iter().filter(|it| !it.sub_id.is_empty()) {
            for (caller, callee) in [(&entry.a, &entry.b), (&entry.b, &entry.a)] {
                let call = json!({"PhoneNoX": entry.x, "Caller": caller});
                if let Reply::Done(route) = client.call("ResolveCall", &call) {
                    let connects = route["Outcome"] == "Connect";
                    let right = route["Callee"] == callee.as_str();
                    assert!(!connects || right, "{} {route}", entry.sub_id);
                }
            }
        }
    }

    fn look_at_ended(&mut self, client: &mut SignedClient) {
        let ended: Vec<usize> = (0..self.entries.len())
            .filter(|index| self.entries[*index].known == Known::Ended)
            .collect();
        let recent = ended.iter().rev().take(ENDED_LOOKED_AT / 2).copied();
        let mut looked_at: Vec<usize> = recent.collect();
        for _ in 0..ENDED_LOOKED_AT / 2 {
            let pick = self.dice.below(ended.len() as u64) as usize;
            looked_at.extend(ended.get(pick));
        }
        for index in looked_at {
            self.entries[index].must_be_over(client);
        }
    }
}

impl Entry {
    fn copy(&self) -> Self {
        Self {
            token: self.token.clone(),
            a: self.a.clone(),
            b: self.b.clone(),
            sub_id: self.sub_id.clone(),
            x: self.x.clone(),
            ..*self
        }
    }

    /// Takes SubId and X from an answer.
    fn learn(&mut self, answer: &Value) {
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        self.sub_id = text("SubId");
        self.x = text("PhoneNoX");
        self.known = Known::Live;
    }

    /// The records of its A, of which there is no other binding.
    fn standing(&self, client: &mut SignedClient) -> Vec<Value> {
        let answer = client.call("QuerySubscriptionForList", &json!({"PhoneNoA": self.a}));
        let answer = answer.done("a list");
        let records = answer["Records"].as_array().expect("a list");
        records.clone()
    }

    fn status(&self, client: &mut SignedClient) -> i64 {
        let answer = client.call("QuerySubscription", &json!({"SubId": self.sub_id}));
        let answer = answer.done("a binding that was answered is there");
        answer["Status"].as_i64().expect("a number")
    }

    fn call_from(&self, caller: &str, client: &mut SignedClient) -> Value {
        let call = json!({"PhoneNoX": self.x, "Caller": caller});
        client.call("ResolveCall", &call).done("a call")
    }

    /// Both reach each other by this binding and no other.
    fn must_resolve(&self, client: &mut SignedClient) {
        for (caller, callee) in [(&self.a, &self.b), (&self.b, &self.a)] {
            let route = self.call_from(caller, client);
            assert_eq!(route["Outcome"], "Connect", "{} {route}", self.sub_id);
            assert_eq!(route["SubId"], self.sub_id.as_str(), "two owners: {route}");
            assert_eq!(route["Callee"], callee.as_str(), "{}", self.sub_id);
        }
    }

    /// Nobody is reached by this binding any more.
    fn must_be_over(&self, client: &mut SignedClient) {
        assert_eq!(self.status(client), 0, "{} lives again", self.sub_id);
        let from_a = self.call_from(&self.a, client);
        assert_ne!(from_a["Outcome"], "Connect", "{} {from_a}", self.sub_id);
        let from_b = self.call_from(&self.b, client);
        let reached = from_b["Outcome"] == "Connect" && from_b["SubId"] == self.sub_id.as_str();
        assert!(!reached, "{} {from_b}", self.sub_id);
    }
}
