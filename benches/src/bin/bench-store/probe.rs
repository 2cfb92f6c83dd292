//! What the disk itself can do: the ruler for everything else.

use std::{
    fs::OpenOptions,
    io::{Seek as _, SeekFrom, Write as _},
    time::Instant,
};

use anyhow::{Context, Result};
use axbridge_benches::samples::Samples;
use serde_json::json;

use crate::arguments::Arguments;

const BLOCK: usize = 4096;
const FILE_BLOCKS: usize = 8192;

/// Overwrites blocks of a file that was written before, one durable block at a time.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.dir()?.join("probe");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("could not write {}", path.display()))?;
    let block = [0x5a; BLOCK];
    for _ in 0..FILE_BLOCKS {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let mut samples = Samples::default();
    let started = Instant::now();
    while started.elapsed() < arguments.duration {
        let place = samples.len() % FILE_BLOCKS * BLOCK;
        file.seek(SeekFrom::Start(place as u64))?;
        let asked = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        samples.note(asked.elapsed());
    }
    let took = started.elapsed();
    println!(
        "{}",
        json!({
            "subject": "fdatasync",
            "per_s": (samples.len() as f64 / took.as_secs_f64()).round(),
            "p50_us": (samples.quantile(0.5).as_secs_f64() * 1e6).round(),
            "p99_us": (samples.quantile(0.99).as_secs_f64() * 1e6).round(),
        })
    );
    drop(file);
    std::fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))
}
