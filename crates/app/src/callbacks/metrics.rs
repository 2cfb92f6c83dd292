//! What is counted of callbacks. No label holds an id, a URL or a number.

use std::time::Duration;

use axbridge_domain::{delivery::EventKind, time::Timestamp};
use axbridge_store::delivery::DeliveryStanding;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::age_s;

/// Upper bounds of the delay's buckets, in seconds.
const DELAY_BOUNDS_S: [f64; 13] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeliveryLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// How receivers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiverStates {
    /// They are sent to.
    pub working: u64,
    /// They failed too often and are left alone for a while.
    pub broken: u64,
    /// They are paused.
    pub paused: u64,
}

/// The counts.
#[derive(Clone)]
pub struct CallbackMetrics {
    tries: Family<DeliveryLabels, Counter>,
    delay: Histogram,
    receivers: Family<StateLabels, Gauge>,
    outbox: Gauge,
    unfinished: Gauge,
    oldest: Gauge<f64, std::sync::atomic::AtomicU64>,
    parked: Gauge,
}

impl CallbackMetrics {
    /// All at zero, shown by `registry`.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            tries: Family::default(),
            delay: Histogram::new(DELAY_BOUNDS_S),
            receivers: Family::default(),
            outbox: Gauge::default(),
            unfinished: Gauge::default(),
            oldest: Gauge::default(),
            parked: Gauge::default(),
        };
        registry.register(
            "callback_tries",
            "Tries to deliver an event, by kind and outcome (delivered, failed, parked, stale)",
            metrics.tries.clone(),
        );
        registry.register_with_unit(
            "callback_delay",
            "Time from an event, or its replay, until a receiver took it",
            Unit::Seconds,
            metrics.delay.clone(),
        );
        registry.register(
            "callback_receivers",
            "Receivers by state (working, broken, paused), as this node sees them",
            metrics.receivers.clone(),
        );
        registry.register(
            "callback_outbox",
            "Events that are not yet deliveries",
            metrics.outbox.clone(),
        );
        registry.register(
            "callback_queue",
            "Deliveries that are not finished, counted up to a million",
            metrics.unfinished.clone(),
        );
        registry.register_with_unit(
            "callback_oldest",
            "Age of the oldest unfinished delivery to a receiver that is not paused",
            Unit::Seconds,
            metrics.oldest.clone(),
        );
        registry.register(
            "callback_parked",
            "Deliveries that were given up, counted up to a million",
            metrics.parked.clone(),
        );
        metrics
    }

    pub(super) fn tried(&self, kind: EventKind, outcome: &'static str) {
        let kind = kind.name();
        self.tries
            .get_or_create(&DeliveryLabels { kind, outcome })
            .inc();
    }

    pub(super) fn delivered_after(&self, delay: Duration) {
        self.delay.observe(delay.as_secs_f64());
    }

    pub(super) fn receivers_are(&self, states: ReceiverStates) {
        for (state, count) in [
            ("working", states.working),
            ("broken", states.broken),
            ("paused", states.paused),
        ] {
            self.receivers
                .get_or_create(&StateLabels { state })
                .set(gauge(count));
        }
    }

    pub(crate) fn stands(&self, standing: DeliveryStanding, now: Timestamp) {
        self.outbox.set(gauge(standing.outbox));
        self.unfinished.set(gauge(standing.unfinished));
        self.parked.set(gauge(standing.parked));
        let oldest = standing.oldest.map_or(0.0, |since| age_s(since, now));
        self.oldest.set(oldest);
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
