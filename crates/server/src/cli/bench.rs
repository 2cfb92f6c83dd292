//! `bench`: load on a server.

use clap::{Args, ValueEnum};

/// `bench`.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// What is asked
    #[arg(long, value_enum, default_value_t = BenchMix::Bind)]
    pub(crate) mix: BenchMix,
    /// Connections, each with one request at a time
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) connections: u32,
    /// Send so many requests a second, whether or not the server keeps up
    ///
    /// Each is timed from the moment it was due. Without it, every connection
    /// asks again as soon as it was answered.
    #[arg(long, value_name = "PER_SECOND")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: Option<u32>,
    /// Seconds to measure
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) duration_s: u64,
    /// Seconds before that, which are not counted
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) warm_up_s: u64,
    /// Pool to bind from [default: one named "axbridge bench", made if missing]
    ///
    /// That one has 1,000 made-up numbers, 17099990000 and on; bindings end
    /// three minutes after they were made.
    #[arg(long, value_name = "NP")]
    pub(crate) pool: Option<String>,
    /// Process of the server, to tell its processor time for each request
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Load a server that is not on this machine
    #[arg(long)]
    pub(crate) even_if_remote: bool,
}

/// What `bench` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchMix {
    /// New AXB bindings on selected numbers
    Bind,
    /// The same, each ended before the next
    BindUnbind,
    /// Who would ring (needs an operator key)
    Resolve,
}

impl BenchMix {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::BindUnbind => "bind-unbind",
            Self::Resolve => "resolve",
        }
    }
}
