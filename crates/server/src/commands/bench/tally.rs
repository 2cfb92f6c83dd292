//! What came of the requests: outcomes, and how long each kind took.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::Value;

use super::connection::Answer;

/// Latencies are told apart from 1 µs to a minute, to three digits.
const LONGEST_US: u64 = 60_000_000;
const DIGITS: u8 = 3;

const SUCCESS: &str = "Success";
const NO_ANSWER: &str = "NoAnswer";

/// Counts and latencies.
#[derive(Default)]
pub(super) struct Tally {
    /// How often each outcome came: `Success`, an error code, `NoAnswer`.
    pub(super) outcomes: BTreeMap<String, u64>,
    /// Microseconds of successes by action, and of all refusals.
    pub(super) latencies: BTreeMap<&'static str, Histogram<u64>>,
}

impl Tally {
    /// The name under which the latencies of refusals stand.
    pub(super) const REFUSED: &'static str = "refused";

    /// Notes one request.
    pub(super) fn note(&mut self, action: &'static str, answer: Option<&Answer>, took: Duration) {
        let outcome = answer.map_or_else(|| NO_ANSWER.to_owned(), outcome_of);
        let series = match outcome.as_str() {
            SUCCESS => action,
            _ => Self::REFUSED,
        };
        *self.outcomes.entry(outcome).or_default() += 1;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.series(series).saturating_record(us);
    }

    /// Adds the counts of another.
    pub(super) fn add(&mut self, other: &Self) {
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += count;
        }
        for (series, histogram) in &other.latencies {
            // All have the same bounds, so that nothing can fall outside.
            let _ = self.series(series).add(histogram);
        }
    }

    /// Requests that succeeded.
    pub(super) fn successes(&self) -> u64 {
        self.outcomes.get(SUCCESS).copied().unwrap_or_default()
    }

    /// All requests.
    pub(super) fn requests(&self) -> u64 {
        self.outcomes.values().sum()
    }

    fn series(&mut self, series: &'static str) -> &mut Histogram<u64> {
        self.latencies.entry(series).or_insert_with(|| {
            Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("the bounds are in order")
        })
    }
}

/// What an answer says: `Success` or the error code.
fn outcome_of(answer: &Answer) -> String {
    // Most answers are successes, and parsing them would cost more than it tells.
    let has_error = |body: &[u8]| body.windows(8).any(|it| it == b"\"Error\":");
    if answer.status == 200 && !has_error(&answer.body) {
        return SUCCESS.to_owned();
    }
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let code = body
        .as_ref()
        .and_then(|body| body["ResponseMetadata"]["Error"]["Code"].as_str());
    code.map_or_else(|| format!("HTTP {}", answer.status), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn refusals_are_counted_by_code_and_timed_apart() {
        let mut tally = Tally::default();
        let good = answer(200, r#"{"ResponseMetadata":{},"Result":true}"#);
        let error = r#"{"ResponseMetadata":{"Error":{"Code":"OverQpsLimit"}}}"#;
        tally.note("UnbindAXB", Some(&good), Duration::from_millis(2));
        tally.note("UnbindAXB", Some(&answer(200, error)), Duration::ZERO);
        tally.note("UnbindAXB", None, Duration::from_secs(3600));
        tally.note("UnbindAXB", Some(&answer(502, "bad")), Duration::ZERO);
        let mut all = Tally::default();
        all.add(&tally);
        let outcomes: Vec<(&str, u64)> = all
            .outcomes
            .iter()
            .map(|(outcome, count)| (outcome.as_str(), *count))
            .collect();
        let expected = [
            ("HTTP 502", 1),
            ("NoAnswer", 1),
            ("OverQpsLimit", 1),
            ("Success", 1),
        ];
        assert_eq!(outcomes, expected);
        assert_eq!((all.requests(), all.successes()), (4, 1));
        assert_eq!(all.latencies["UnbindAXB"].len(), 1);
        assert_eq!(all.latencies[Tally::REFUSED].len(), 3);
        let half = all.latencies["UnbindAXB"].value_at_quantile(0.5);
        assert!((1_990..=2_010).contains(&half), "{half}");
    }
}
