//! Counts that other parts of the process keep and are read when somebody asks: the voice plane's.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// One value, with what tells it from its neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Names and values; never a number, an id or a client's text.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// Values of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// That only grow.
    Counter(Vec<Sample>),
    /// That come and go.
    Gauge(Vec<Sample>),
    /// How often something took how long.
    Histogram {
        /// Upper bounds and how many fell under each but over the one before; the last bound is
        /// `f64::INFINITY`.
        buckets: Vec<(f64, u64)>,
        /// The sum of all.
        sum: f64,
    },
}

/// A metric as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its name, without `axbridge_`.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Its values.
    pub values: Values,
}

/// Somebody who keeps counts.
pub trait Source: Send + Sync {
    /// All of them, now.
    fn read(&self) -> Vec<Reading>;
}

#[derive(Default)]
pub(super) struct Sources(RwLock<Vec<Arc<dyn Source>>>);

impl Sources {
    pub(super) fn add(&self, source: Arc<dyn Source>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(source);
    }

    /// Writes what the sources say now behind what is there.
    pub(super) fn encode(&self, text: &mut String) -> Result<(), fmt::Error> {
        let sources = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for source in sources.iter() {
            let mut registry = Registry::with_prefix("axbridge");
            registry.register_collector(Box::new(Now(source.read())));
            text.truncate(text.trim_end_matches("# EOF\n").len());
            encode(text, &registry)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Now(Vec<Reading>);

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for reading in &self.0 {
            let kind = match reading.values {
                Values::Counter(_) => MetricType::Counter,
                Values::Gauge(_) => MetricType::Gauge,
                Values::Histogram { .. } => MetricType::Histogram,
            };
            let mut metric = encoder.encode_descriptor(reading.name, reading.help, None, kind)?;
            match &reading.values {
                Values::Counter(samples) => {
                    for sample in samples {
                        let family = metric.encode_family(&sample.labels)?;
                        ConstCounter::new(sample.value).encode(family)?;
                    }
                }
                Values::Gauge(samples) => {
                    for sample in samples {
                        let family = metric.encode_family(&sample.labels)?;
                        ConstGauge::new(sample.value).encode(family)?;
                    }
                }
                Values::Histogram { buckets, sum } => {
                    let count = buckets.iter().map(|(_, count)| count).sum();
                    metric.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Source for Fixed {
        fn read(&self) -> Vec<Reading> {
            let sample = |state: &str, value| Sample {
                labels: vec![("state", state.to_owned())],
                value,
            };
            vec![
                Reading {
                    name: "voice_calls",
                    help: "Calls now",
                    values: Values::Gauge(vec![sample("talking", 3.0)]),
                },
                Reading {
                    name: "voice_set_up_seconds",
                    help: "Time to the first sign",
                    values: Values::Histogram {
                        buckets: vec![(0.1, 2), (f64::INFINITY, 1)],
                        sum: 5.0,
                    },
                },
            ]
        }
    }

    #[test]
    fn what_a_source_says_is_written_behind_the_rest() {
        let sources = Sources::default();
        sources.add(Arc::new(Fixed));
        let mut text = "axbridge_requests_total 1\n# EOF\n".to_owned();
        sources.encode(&mut text).expect("text");
        assert!(text.starts_with("axbridge_requests_total 1\n# HELP"));
        assert!(
            text.contains("axbridge_voice_calls{state=\"talking\"} 3.0"),
            "{text}"
        );
        assert!(
            text.contains("axbridge_voice_set_up_seconds_count 3"),
            "{text}"
        );
        assert!(text.contains("le=\"+Inf\"} 3"), "{text}");
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    }
}
