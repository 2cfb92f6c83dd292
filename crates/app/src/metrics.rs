//! What is counted, in Prometheus' terms. No label ever holds a number, an id or a client's text.

use std::{fmt, time::Duration};

use axbridge_domain::call::CallResult;
use axbridge_store::{
    counters::{BATCH_BOUNDS, CountersNow},
    model::Swept,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet, text::encode},
    metrics::{
        MetricType, counter::ConstCounter, counter::Counter, family::Family, gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

use crate::{App, AppError, callbacks::metrics::CallbackMetrics};

mod sources;

pub use sources::{Reading, Sample, Source, Values};

/// Upper bounds of the latency histogram's buckets, in seconds.
const LATENCY_BOUNDS_S: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    action: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

/// The counts of one process.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<ActionLabels, Histogram, fn() -> Histogram>,
    refusals: Family<CauseLabels, Counter>,
    bound: Counter,
    replayed: Counter,
    unbound: Counter,
    expired: Counter,
    city_unknown: Counter,
    calls: Family<ResultLabels, Counter>,
    live: Gauge,
    sources: sources::Sources,
    callbacks: CallbackMetrics,
    pub(crate) recordings: RecordingMetrics,
}

/// What is counted of recordings.
#[derive(Default)]
pub(crate) struct RecordingMetrics {
    pub(crate) kept: Counter,
    pub(crate) failed: Counter,
    pub(crate) retried: Counter,
    waiting: Gauge,
}

impl RecordingMetrics {
    fn register(&self, registry: &mut Registry) {
        let counters = [
            ("recordings_kept", "Recordings kept", &self.kept),
            ("recordings_failed", "Recordings that failed", &self.failed),
            (
                "recording_retries",
                "Tries to keep a recording that failed",
                &self.retried,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "recordings_waiting",
            "Finished recordings that are not kept yet",
            self.waiting.clone(),
        );
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn latency_histogram() -> Histogram {
    Histogram::new(LATENCY_BOUNDS_S)
}

impl Metrics {
    /// All counts at zero.
    #[must_use]
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("axbridge");
        let metrics = Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(latency_histogram as fn() -> Histogram),
            refusals: Family::default(),
            bound: Counter::default(),
            replayed: Counter::default(),
            unbound: Counter::default(),
            expired: Counter::default(),
            city_unknown: Counter::default(),
            calls: Family::default(),
            live: Gauge::default(),
            sources: sources::Sources::default(),
            callbacks: CallbackMetrics::new(&mut registry),
            recordings: RecordingMetrics::default(),
            registry: Registry::default(),
        };
        registry.register(
            "requests",
            "API requests by action and outcome (Success or the error code)",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "request",
            "Time from the last byte of a request to its answer",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        registry.register(
            "refusals",
            "Use cases refused, by cause",
            metrics.refusals.clone(),
        );
        registry.register("bindings_bound", "Bindings made", metrics.bound.clone());
        registry.register(
            "binds_replayed",
            "Binds answered from an idempotency key",
            metrics.replayed.clone(),
        );
        registry.register(
            "bindings_unbound",
            "Bindings ended by their client",
            metrics.unbound.clone(),
        );
        registry.register(
            "bindings_expired",
            "Expiries announced",
            metrics.expired.clone(),
        );
        registry.register(
            "numbers_without_city",
            "Look-ups of a number whose city is not known",
            metrics.city_unknown.clone(),
        );
        registry.register(
            "calls",
            "Calls that ended, by how they came out",
            metrics.calls.clone(),
        );
        registry.register("live_bindings", "Live bindings", metrics.live.clone());
        metrics.recordings.register(&mut registry);
        Self {
            registry,
            ..metrics
        }
    }

    /// Notes an answered request. `action` and `outcome` must come from fixed tables.
    pub fn answered(&self, action: &'static str, outcome: &'static str, took: Duration) {
        self.requests
            .get_or_create(&RequestLabels { action, outcome })
            .inc();
        self.latency
            .get_or_create(&ActionLabels { action })
            .observe(took.as_secs_f64());
    }

    /// Reads this part's counts too, from now on.
    pub fn add_source(&self, source: std::sync::Arc<dyn Source>) {
        self.sources.add(source);
    }

    /// Notes why a use case was refused.
    pub fn refused(&self, error: &AppError) {
        self.refusals
            .get_or_create(&CauseLabels {
                cause: error.cause(),
            })
            .inc();
    }

    pub(crate) fn callbacks(&self) -> &CallbackMetrics {
        &self.callbacks
    }

    pub(crate) fn bound(&self) {
        self.bound.inc();
    }

    pub(crate) fn replayed(&self) {
        self.replayed.inc();
    }

    pub(crate) fn unbound(&self) {
        self.unbound.inc();
    }

    pub(crate) fn swept(&self, swept: &Swept) {
        self.expired.inc_by(swept.expired);
    }

    pub(crate) fn call_ended(&self, result: CallResult) {
        let labels = ResultLabels {
            result: result.name(),
        };
        self.calls.get_or_create(&labels).inc();
    }

    pub(crate) fn city_unknown(&self) {
        self.city_unknown.inc();
    }
}

impl App {
    /// All counts as Prometheus text (OpenMetrics).
    ///
    /// # Errors
    /// [`AppError::Internal`] when the text cannot be made.
    pub async fn metrics_text(&self) -> Result<String, AppError> {
        // A store that is down must not take the other metrics with it.
        if let Ok(live) = self.store.live_bindings(self.now()).await {
            self.metrics
                .live
                .set(i64::try_from(live).unwrap_or(i64::MAX));
        }
        if let Ok(standing) = self.store.delivery_standing().await {
            self.metrics.callbacks.stands(standing, self.now());
        }
        let waiting = self.recordings.get().map_or(0, |it| it.waiting());
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.metrics.recordings.waiting.set(waiting);
        let fault = |error: fmt::Error| AppError::Internal(format!("metrics: {error}"));
        let mut store = Registry::with_prefix("axbridge_store");
        store.register_collector(Box::new(StoreCollector(self.store.counters().now())));
        let mut text = String::new();
        encode(&mut text, &self.metrics.registry).map_err(fault)?;
        text.truncate(text.trim_end_matches("# EOF\n").len());
        encode(&mut text, &store).map_err(fault)?;
        self.metrics.sources.encode(&mut text).map_err(fault)?;
        Ok(text)
    }
}

#[derive(Debug)]
struct StoreCollector(CountersNow);

impl Collector for StoreCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = &self.0;
        let counters = [
            ("commits", "Transactions committed", now.commits),
            (
                "failed_commits",
                "Transactions that failed",
                now.failed_commits,
            ),
            (
                "claim_retries",
                "Binds that chose again because another was faster",
                now.claim_retries,
            ),
        ];
        for (name, help, value) in counters {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        let mut histogram = encoder.encode_descriptor(
            "commit_batch_size",
            "Requests in one transaction",
            None,
            MetricType::Histogram,
        )?;
        let bounds = BATCH_BOUNDS
            .iter()
            .map(|bound| *bound as f64)
            .chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(now.batches).collect();
        histogram.encode_histogram::<NoLabelSet>(now.committed as f64, now.commits, &buckets, None)
    }
}
