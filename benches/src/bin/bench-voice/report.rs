//! What came of calls, and what the watched programs spent on them.

use std::time::{Duration, Instant};

use axbridge_benches::processes::{Spent, spent};
use serde_json::{Map, Value, json};

use super::callee::Answered;
use super::caller::Call;

/// The programs whose time is measured, at several moments.
pub(crate) struct Watch {
    programs: Vec<(String, u32)>,
    notes: Vec<(Instant, Vec<Spent>)>,
}

impl Watch {
    /// Notes what they have spent up to now.
    pub(crate) fn start(programs: Vec<(String, u32)>) -> Self {
        let notes = Vec::new();
        let mut watch = Self { programs, notes };
        watch.note();
        watch
    }

    /// Notes it again.
    pub(crate) fn note(&mut self) {
        let all = self.programs.iter().map(|(_, pid)| spent(*pid)).collect();
        self.notes.push((Instant::now(), all));
    }

    /// Seconds on a processor between two notes, each program's and all in all, as milliseconds a
    /// call and as a share of one processor, and memory at the later one.
    pub(crate) fn spent(&self, from: usize, to: usize, calls: usize) -> Value {
        let (Some((began, before)), Some((ended, after))) =
            (self.notes.get(from), self.notes.get(to))
        else {
            return Value::Null;
        };
        let mut programs = Map::new();
        let (mut cpu_s, mut memory, mut grown) = (0.0, 0, 0_i64);
        for ((name, _), (before, after)) in self.programs.iter().zip(before.iter().zip(after)) {
            let own = after.cpu_s - before.cpu_s;
            programs.insert(name.clone(), json!(own));
            cpu_s += own;
            memory += after.memory_kib;
            grown += after.memory_kib.cast_signed() - before.memory_kib.cast_signed();
        }
        let wall = ended.duration_since(*began).as_secs_f64();
        json!({
            "cpu_s": cpu_s,
            "ms_a_call": cpu_s * 1e3 / calls.max(1) as f64,
            "share": cpu_s / wall.max(f64::MIN_POSITIVE),
            "programs": programs,
            "memory_kib": memory,
            "grown_kib": grown,
            "grown_kib_a_call": grown as f64 / calls.max(1) as f64,
        })
    }
}

/// What came of the calls.
pub(crate) fn report(calls: &[Call], answered: &Answered) -> Value {
    let count = |is: fn(&Call) -> bool| calls.iter().filter(|call| is(call)).count();
    let whole = count(|call| call.ended.is_some() && call.answered.is_some());
    let mut refusals: Map<String, Value> = Map::new();
    for status in calls.iter().filter_map(|call| call.refused) {
        let count = refusals.entry(status.to_string()).or_insert(json!(0));
        *count = json!(count.as_u64().unwrap_or_default() + 1);
    }
    json!({
        "calls": calls.len(),
        "failed": calls.len() - whole,
        "refused": refusals,
        "repeated": calls.iter().map(|call| u64::from(call.repeated)).sum::<u64>()
            + answered.repeated,
        "rang": answered.rang,
        "hung_up": answered.hung_up,
        "ringing_ms": times(calls, |call| call.rang),
        "answered_ms": times(calls, |call| call.answered),
    })
}

/// Median and tail of the time from the INVITE to something, in milliseconds.
fn times(calls: &[Call], to: fn(&Call) -> Option<Instant>) -> Value {
    let one = |call: &Call| Some(to(call)?.duration_since(call.invited?));
    let mut all: Vec<Duration> = calls.iter().filter_map(one).collect();
    all.sort_unstable();
    let at = |share: f64| {
        let index = (all.len().saturating_sub(1) as f64 * share) as usize;
        all.get(index).map(|time| time.as_secs_f64() * 1e3)
    };
    json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": at(1.0)})
}
