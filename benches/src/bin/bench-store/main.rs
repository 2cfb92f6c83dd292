//! Measures one way of binding durably: how many binds a second, and how long each takes.
//!
//! `bench-store SUBJECT [--live N] [--callers 1,64,256] [--seconds S] [--dir D] [--url U]…
//! [--port P] [--load uniform,hot]` prints one JSON object a measurement. `cargo xtask bench-store`
//! starts the servers, runs every subject one after another and makes the table; this program
//! measures what it is pointed at and starts nothing.

mod arguments;
mod closed_loop;
mod naive;
mod probe;
mod raw;
mod redis;
mod subject;
mod traffic;

use anyhow::{Result, bail};

use arguments::Arguments;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
bench-store SUBJECT [OPTION VALUE]…

  fdatasync   how often this disk makes 4 KiB durable       --dir
  raw         the heart and a bare file, 64 binds a write   --dir --live
  sqlite      the embedded store                            --dir --live --callers --load
  waves       the embedded store, 64 binds at a time        --dir --live
  postgres    the shared store, one node for each --url     --url… --live --callers --load
  naive       SELECT … FOR UPDATE, five round trips         --url --live --callers
  redis       a Lua script in Redis                         --port --live --callers
";

fn main() -> Result<()> {
    let Some(subject) = std::env::args().nth(1) else {
        print!("{HELP}");
        return Ok(());
    };
    let arguments = Arguments::parse(std::env::args().skip(2))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match subject.as_str() {
            "fdatasync" => probe::run(&arguments),
            "raw" => raw::run(&arguments),
            "sqlite" => subject::embedded(&arguments).await,
            "waves" => subject::waves(&arguments).await,
            "postgres" => subject::shared(&arguments).await,
            "naive" => naive::run(&arguments).await,
            "redis" => redis::run(&arguments).await,
            other => bail!("there is no subject {other:?}\n\n{HELP}"),
        }
    })
}
