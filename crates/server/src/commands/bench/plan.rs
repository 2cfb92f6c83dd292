//! What is asked of the server: the pool, and one request after the other.

use std::sync::atomic::{AtomicU64, Ordering};

use axbridge_domain::limits;
use serde_json::{Value, json};

use crate::cli::{Bench, BenchMix};
use crate::client::{Client, VERSION, unix_now_s};
use crate::failure::Failure;
use crate::output::{list, text};

/// The pool that is used when none is named. Found again by the next run, so
/// that runs do not pile up pools.
const POOL_NAME: &str = "axbridge bench";

/// Its numbers: made up, 17099990000 and on.
const FIRST_X: u64 = 17_099_990_000;
const NUMBERS: u64 = 1_000;
const _: () = assert!(NUMBERS as usize <= limits::NUMBERS_PER_IMPORT_CALL_MAX);

/// Seconds that bindings live: they go by themselves soon after a run.
const LIFE_S: i64 = 180;

/// Bindings that calls are resolved by.
const BINDINGS_TO_RESOLVE: u64 = 500;

/// Parties are made up: A's and B's are this and eight digits.
const A_BASE: u64 = 13_700_000_000;
const B_BASE: u64 = 13_800_000_000;
const PARTIES: u64 = 100_000_000;

const BIND: &str = "SelectNumberAndBindAXB";
const UNBIND: &str = "UnbindAXB";
const RESOLVE: &str = "ResolveCall";

/// A request to be signed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) action: &'static str,
    pub(super) body: Vec<u8>,
}

/// What all workers ask for.
pub(super) struct Plan {
    mix: BenchMix,
    pool: String,
    /// X and caller of bindings to resolve by.
    calls: Vec<(String, String)>,
    next_pair: AtomicU64,
}

impl Plan {
    /// Makes or finds what the load needs.
    pub(super) async fn prepare(client: &Client, bench: &Bench) -> Result<Self, Failure> {
        let pool = match &bench.pool {
            Some(pool) => pool.clone(),
            None => own_pool(client).await?,
        };
        // Runs begin at different parties, or a rerun would meet its own quarantines.
        let start = u64::try_from(unix_now_s()).unwrap_or_default() * 1009;
        let mut plan = Self {
            mix: bench.mix,
            pool,
            calls: Vec::new(),
            next_pair: AtomicU64::new(start),
        };
        if plan.mix == BenchMix::Resolve {
            for _ in 0..BINDINGS_TO_RESOLVE {
                let (a, parameters) = plan.next_bind(i64::from(u16::MAX));
                let bound = client.call(BIND, &parameters).await?;
                plan.calls.push((text(&bound, "PhoneNoX").to_owned(), a));
            }
        }
        Ok(plan)
    }

    /// What a worker asks next; `last_sub_id` is of the binding it made last and
    /// has not ended yet.
    pub(super) fn next(&self, last_sub_id: Option<String>) -> Request {
        let (action, parameters) = match (self.mix, last_sub_id) {
            (BenchMix::Resolve, _) => {
                let place = self.next_pair.fetch_add(1, Ordering::Relaxed) as usize;
                let (x, caller) = &self.calls[place % self.calls.len()];
                (RESOLVE, json!({"PhoneNoX": x, "Caller": caller}))
            }
            (BenchMix::BindUnbind, Some(sub_id)) => {
                (UNBIND, json!({"NumberPoolNo": self.pool, "SubId": sub_id}))
            }
            _ => (BIND, self.next_bind(LIFE_S).1),
        };
        Request {
            action,
            body: parameters.to_string().into_bytes(),
        }
    }

    /// The SubId to end next, of the answer to a request.
    pub(super) fn sub_id_to_end(&self, action: &str, answer: &[u8]) -> Option<String> {
        if self.mix != BenchMix::BindUnbind || action != BIND {
            return None;
        }
        let answer: Value = serde_json::from_slice(answer).ok()?;
        answer["Result"]["SubId"].as_str().map(str::to_owned)
    }

    /// The query of an action.
    pub(super) fn query(action: &str) -> String {
        format!("Action={action}&Version={VERSION}")
    }

    /// A new pair: A, and the parameters that bind them.
    fn next_bind(&self, life_s: i64) -> (String, Value) {
        let pair = self.next_pair.fetch_add(1, Ordering::Relaxed) % PARTIES;
        let a = (A_BASE + pair).to_string();
        let parameters = json!({
            "NumberPoolNo": self.pool,
            "PhoneNoA": a,
            "PhoneNoB": (B_BASE + pair).to_string(),
            "ExpireTime": unix_now_s() + life_s,
        });
        (a, parameters)
    }
}

/// The pool of this command, with its numbers.
async fn own_pool(client: &Client) -> Result<String, Failure> {
    let parameters = json!({"NumberPoolName": POOL_NAME, "Limit": 100, "Offset": 0});
    let found = client.call("NumberPoolList", &parameters).await?;
    let found = list(&found, "Records")
        .iter()
        .find(|pool| text(pool, "NumberPoolName") == POOL_NAME)
        .map(|pool| text(pool, "NumberPoolNo").to_owned());
    let pool = match found {
        Some(pool) => pool,
        None => {
            let parameters = json!({"Name": POOL_NAME, "ServiceType": 200, "SubServiceType": 201});
            let made = client.call("CreateNumberPool", &parameters).await?;
            text(&made, "NumberPoolNo").to_owned()
        }
    };
    let lines = (FIRST_X..FIRST_X + NUMBERS).map(|x| format!("{x},010\n"));
    let parameters = json!({"NumberPoolNo": pool, "Csv": lines.collect::<String>()});
    client.call("ImportNumbers", &parameters).await?;
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(mix: BenchMix) -> Plan {
        Plan {
            mix,
            pool: "NP1".to_owned(),
            calls: vec![("17099990000".to_owned(), "13700000001".to_owned())],
            next_pair: AtomicU64::new(PARTIES - 1),
        }
    }

    #[test]
    fn every_bind_has_parties_of_its_own() {
        let plan = plan(BenchMix::Bind);
        let first: Value = serde_json::from_slice(&plan.next(None).body).expect("JSON");
        let second: Value = serde_json::from_slice(&plan.next(None).body).expect("JSON");
        assert_eq!(first["PhoneNoA"], "13799999999");
        assert_eq!(second["PhoneNoA"], "13700000000");
        assert_ne!(first["PhoneNoB"], second["PhoneNoB"]);
    }

    #[test]
    fn what_was_bound_is_ended_before_the_next_is_bound() {
        let plan = plan(BenchMix::BindUnbind);
        assert_eq!(plan.next(None).action, BIND);
        let answer = br#"{"ResponseMetadata":{},"Result":{"SubId":"S1"}}"#;
        let sub_id = plan.sub_id_to_end(BIND, answer);
        assert_eq!(plan.next(sub_id).action, UNBIND);
        assert_eq!(plan.sub_id_to_end(UNBIND, answer), None);
    }
}
