//! What to measure, as the command line says it.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};

use crate::traffic::Load;

/// The options of every subject; each takes what it needs.
pub(crate) struct Arguments {
    pub(crate) live: u64,
    pub(crate) callers: Vec<usize>,
    pub(crate) loads: Vec<Load>,
    /// How long each measurement runs, after its warm-up.
    pub(crate) duration: Duration,
    dir: Option<PathBuf>,
    pub(crate) urls: Vec<String>,
    port: Option<u16>,
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = Self {
            live: 10_000,
            callers: vec![64],
            loads: vec![Load::Uniform],
            duration: Duration::from_secs(4),
            dir: None,
            urls: Vec::new(),
            port: None,
        };
        while let Some(option) = words.next() {
            let value = words
                .next()
                .with_context(|| format!("{option} needs a value"))?;
            match option.as_str() {
                "--live" => arguments.live = value.parse().context("--live: a number")?,
                "--callers" => arguments.callers = list(&value, |word| Ok(word.parse()?))?,
                "--load" => arguments.loads = list(&value, Load::from_name)?,
                "--seconds" => {
                    let seconds = value.parse().context("--seconds: a number")?;
                    arguments.duration = Duration::from_secs_f64(seconds);
                }
                "--dir" => arguments.dir = Some(value.into()),
                "--url" => arguments.urls.push(value),
                "--port" => arguments.port = Some(value.parse().context("--port: a number")?),
                other => bail!("there is no option {other}"),
            }
        }
        Ok(arguments)
    }

    pub(crate) fn dir(&self) -> Result<&PathBuf> {
        self.dir.as_ref().context("--dir is missing")
    }

    pub(crate) fn url(&self) -> Result<&str> {
        self.urls
            .first()
            .map(String::as_str)
            .context("--url is missing")
    }

    pub(crate) fn port(&self) -> Result<u16> {
        self.port.context("--port is missing")
    }

    /// For subjects that never end a binding: one B would soon have used up the pool.
    pub(crate) fn uniform_only(&self) -> Result<()> {
        if self.loads.contains(&Load::Hot) {
            bail!("this subject has no hot load: it ends no binding, and one B fills the pool");
        }
        Ok(())
    }

    /// Every combination of load and callers that was asked for.
    pub(crate) fn rounds(&self) -> impl Iterator<Item = (Load, usize)> + '_ {
        let of_load = |load: &Load| {
            let load = *load;
            self.callers.iter().map(move |callers| (load, *callers))
        };
        self.loads.iter().flat_map(of_load)
    }
}

fn list<T>(text: &str, item: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    text.split(',').map(item).collect()
}
