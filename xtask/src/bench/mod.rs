//! The chores that measure: they run the programs of `benches/`, start the servers that those
//! compare with, and write what came out to `docs/performance.md`.
//!
//! Not here: anything that a test depends on. Figures differ from machine to machine; ratios
//! within one run are what counts.

mod deliveries;
mod heart;
mod http;
mod measurement;
mod media;
mod page;
mod redis;
mod store;
mod voice;

use anyhow::{Result, bail};

pub(crate) use deliveries::deliveries;
pub(crate) use heart::heart;
pub(crate) use http::http;
pub(crate) use media::media;
pub(crate) use store::store;
pub(crate) use voice::voice;

/// How much to measure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Quick,
    Usual,
    Long,
}

impl Extent {
    fn parse(arguments: &[String]) -> Result<Self> {
        match arguments {
            [] => Ok(Self::Usual),
            [only] if only == "--quick" => Ok(Self::Quick),
            [only] if only == "--long" => Ok(Self::Long),
            _ => bail!("the options are --quick or --long, not {arguments:?}"),
        }
    }

    const fn flag(self) -> &'static str {
        match self {
            Self::Quick => " --quick",
            Self::Usual => "",
            Self::Long => " --long",
        }
    }
}
