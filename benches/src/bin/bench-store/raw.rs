//! The most that any store could do in batches of 64: the same choice of numbers in memory, and a
//! bare file that is appended to and made durable once a batch. No sealing, no index, no reading
//! back.

use std::{fs::OpenOptions, io::Write as _, time::Duration, time::Instant};

use anyhow::{Context, Result};
use axbridge_benches::{samples::Samples, world::World};
use serde_json::json;

use crate::arguments::Arguments;

const BATCH: usize = 64;
/// About what the embedded store writes for a binding and its event.
const ROW_BYTES: usize = 256;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.dir()?.join("raw");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .append(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("could not write {}", path.display()))?;
    let mut world = World::new(arguments.live);
    let mut samples = Samples::default();
    let mut busy = Duration::ZERO;
    let rows = vec![0x5a; BATCH * ROW_BYTES];
    while busy < arguments.duration {
        let wanted = world.requests(BATCH);
        let started = Instant::now();
        let delta = world.choose_and_claim(&wanted);
        file.write_all(&rows)?;
        file.sync_data()?;
        world.apply(delta);
        world.pass(BATCH);
        let took = started.elapsed();
        busy += took;
        samples.note(took);
    }
    println!(
        "{}",
        json!({
            "subject": "raw",
            "live": arguments.live,
            "load": "uniform",
            "callers": BATCH,
            "per_s": ((samples.len() * BATCH) as f64 / busy.as_secs_f64()).round(),
            "p50_us": (samples.quantile(0.5).as_secs_f64() * 1e6).round(),
            "p99_us": (samples.quantile(0.99).as_secs_f64() * 1e6).round(),
        })
    );
    drop(file);
    std::fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))
}
