//! What is said at the end.

use serde_json::{Map, Value, json};

use super::load::Load;
use super::tally::Tally;
use crate::cli::Bench;

const QUANTILES: [(&str, f64); 5] = [
    ("P50", 0.5),
    ("P90", 0.9),
    ("P99", 0.99),
    ("P999", 0.999),
    ("Max", 1.0),
];

/// The figures of a run.
pub(super) struct Report<'a> {
    load: &'a Load,
    bench: &'a Bench,
    tally: Tally,
    cpu_us: Option<f64>,
}

impl<'a> Report<'a> {
    /// Of this run; `cpu_us` is the server's processor time for one request.
    pub(super) fn new(load: &'a Load, bench: &'a Bench, tally: Tally, cpu_us: Option<f64>) -> Self {
        Self {
            load,
            bench,
            tally,
            cpu_us,
        }
    }

    /// Whether any request succeeded.
    pub(super) fn has_success(&self) -> bool {
        self.tally.successes() > 0
    }

    /// Requests of the open loop that were due and not sent when the time was
    /// over: the server, or this machine, was too slow for the rate.
    fn not_sent(&self) -> u64 {
        let due = u64::from(self.bench.rate.unwrap_or_default()) * self.bench.duration_s;
        due.saturating_sub(self.tally.requests())
    }

    fn per_s(&self, count: u64) -> f64 {
        count as f64 / self.load.duration.as_secs_f64()
    }

    /// As JSON. Latencies are in milliseconds.
    pub(super) fn value(&self) -> Value {
        let mut latencies = Map::new();
        for (series, histogram) in &self.tally.latencies {
            let quantiles = QUANTILES.iter().map(|(name, quantile)| {
                let us = histogram.value_at_quantile(*quantile);
                ((*name).to_owned(), json!(us as f64 / 1000.0))
            });
            let mut of_series: Map<String, Value> = quantiles.collect();
            of_series.insert("Count".to_owned(), json!(histogram.len()));
            latencies.insert((*series).to_owned(), Value::Object(of_series));
        }
        json!({
            "Mix": self.bench.mix.name(),
            "Connections": self.bench.connections,
            "RatePerSecond": self.bench.rate,
            "DurationSeconds": self.bench.duration_s,
            "WarmUpSeconds": self.bench.warm_up_s,
            "Requests": self.tally.requests(),
            "NotSent": self.not_sent(),
            "SuccessesPerSecond": self.per_s(self.tally.successes()),
            "Outcomes": self.tally.outcomes,
            "LatencyMilliseconds": latencies,
            "ServerCpuMicrosecondsPerRequest": self.cpu_us,
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let tally = &self.tally;
        let loop_kind = match self.bench.rate {
            Some(rate) => format!("open loop, {rate} due a second"),
            None => "closed loop".to_owned(),
        };
        let mut lines = vec![format!(
            "{:.0} successes a second ({}, {loop_kind}, {} connections, {} s after {} s of warm-up)",
            self.per_s(tally.successes()),
            self.bench.mix.name(),
            self.bench.connections,
            self.bench.duration_s,
            self.bench.warm_up_s,
        )];
        for (outcome, count) in &tally.outcomes {
            lines.push(format!("  {outcome}: {count}"));
        }
        if self.not_sent() > 0 {
            lines.push(format!(
                "  due and not sent: {} (they have no latency below)",
                self.not_sent()
            ));
        }
        if let Some(cpu_us) = self.cpu_us {
            lines.push(format!(
                "{cpu_us:.1} µs of the server's processor time each"
            ));
        }
        lines.push(String::new());
        lines.push(format!(
            "{:24}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "latency, ms", "p50", "p90", "p99", "p99.9", "max"
        ));
        for (series, histogram) in &tally.latencies {
            let mut line = format!("{series:24}");
            for (_, quantile) in QUANTILES {
                let ms = histogram.value_at_quantile(quantile) as f64 / 1000.0;
                line.push_str(&format!("{ms:>10.3}"));
            }
            lines.push(line);
        }
        if let Some(hint) = self.hint() {
            lines.push(String::new());
            lines.push(hint.to_owned());
        }
        lines.join("\n")
    }

    fn hint(&self) -> Option<&'static str> {
        let outcomes = &self.tally.outcomes;
        let limited = ["OverQpsLimit", "FlowLimitExceeded"];
        if limited.iter().any(|code| outcomes.contains_key(*code)) {
            return Some(
                "The server's rate limit was reached. To measure what the machine can do, start \
                 the server with AXBRIDGE__API__REQUESTS_PER_KEY_PER_S=0.",
            );
        }
        outcomes.contains_key("NoAnswer").then_some(
            "Some requests had no answer: the server closed the connection, or took over 30 s.",
        )
    }
}
