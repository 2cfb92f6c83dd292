//! Callers that each wait for their answer before they ask again.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axbridge_benches::samples::Samples;
use serde_json::{Value, json};

/// Before anything counts.
const WARM_UP: Duration = Duration::from_millis(500);

/// One caller.
pub(crate) trait Caller: Send + 'static {
    /// Makes one binding and returns once it is durable.
    fn bind(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    pub(crate) samples: Samples,
}

impl Outcome {
    /// The measurement as one line for the table.
    pub(crate) fn json(mut self, subject: &str, live: u64, load: &str, callers: usize) -> Value {
        let us = |duration: Duration| duration.as_secs_f64() * 1e6;
        json!({
            "subject": subject,
            "live": live,
            "load": load,
            "callers": callers,
            "per_s": self.per_second.round(),
            "p50_us": us(self.samples.quantile(0.5)).round(),
            "p99_us": us(self.samples.quantile(0.99)).round(),
        })
    }
}

/// Runs all callers for `duration` after the warm-up.
pub(crate) async fn run<C: Caller>(callers: Vec<C>, duration: Duration) -> Result<Outcome> {
    let start = Instant::now() + WARM_UP;
    let end = start + duration;
    let tasks: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            tokio::spawn(async move {
                let mut samples = Samples::default();
                loop {
                    let asked = Instant::now();
                    if asked >= end {
                        return anyhow::Ok(samples);
                    }
                    caller.bind().await?;
                    let answered = Instant::now();
                    if answered >= start && answered < end {
                        samples.note(answered - asked);
                    }
                }
            })
        })
        .collect();
    let mut samples = Samples::default();
    for task in tasks {
        samples.merge(task.await.context("a caller panicked")??);
    }
    Ok(Outcome {
        per_second: samples.len() as f64 / duration.as_secs_f64(),
        samples,
    })
}

/// Has each caller make its share of `count` bindings, unmeasured.
pub(crate) async fn fill<C: Caller>(callers: Vec<C>, count: u64) -> Result<()> {
    let share = count.div_ceil(callers.len().max(1) as u64);
    let tasks: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            tokio::spawn(async move {
                for _ in 0..share {
                    caller.bind().await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await.context("a caller panicked")??;
    }
    Ok(())
}
