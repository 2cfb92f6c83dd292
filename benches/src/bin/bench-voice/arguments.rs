//! Arguments as `name=value`.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};

/// What was said on the command line.
pub(crate) struct Arguments(HashMap<String, String>);

impl Arguments {
    pub(crate) fn read(words: &[String]) -> Result<Self> {
        let pair = |word: &String| {
            let (name, value) = word.split_once('=').context("arguments are NAME=VALUE")?;
            Ok((name.to_owned(), value.to_owned()))
        };
        words.iter().map(pair).collect::<Result<_>>().map(Self)
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.with_context(|| format!("{name}=… is missing"))
    }

    pub(crate) fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T> {
        let text = self.text(name)?;
        let value = text.parse();
        value.map_err(|error| anyhow::anyhow!("{name}={text}: {error}"))
    }

    pub(crate) fn ms(&self, name: &str) -> Result<Duration> {
        Ok(Duration::from_millis(self.get(name)?))
    }

    /// The programs to watch: name and process.
    pub(crate) fn watched(&self) -> Result<Vec<(String, u32)>> {
        let Some(list) = self.0.get("watch") else {
            return Ok(Vec::new());
        };
        let one = |word: &str| {
            let (name, pid) = word.split_once(':').context("watch=NAME:PID,…")?;
            let pid = pid.parse().context("watch=NAME:PID,…")?;
            Ok((name.to_owned(), pid))
        };
        list.split(',').map(one).collect()
    }
}
