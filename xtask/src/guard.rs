//! A server that never outlives this program, however this program ends.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to finish after it was asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a waiting loop looks again.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Waits until the pipe from this program closes, then stops the server, by
/// force if it takes too long, and removes its folder. Arguments: process id,
/// folder, signal.
const WATCHDOG: &str = r#"
cat >/dev/null
kill -s "$3" "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -s KILL "$1" 2>/dev/null
rm -rf -- "$2"
"#;

/// A running server. Dropping it stops the server, and so does the end of this
/// program by Ctrl-C or a kill, through a watchdog that notices the closed pipe.
pub(crate) struct Guarded {
    child: Child,
    watchdog: Child,
    stop_signal: &'static str,
    log: PathBuf,
}

impl Guarded {
    /// Starts `command` with its output in `log`. `folder` is what the watchdog
    /// removes if this program is killed. `stop_signal` asks the server to
    /// finish in order (`TERM`, `INT`).
    pub(crate) fn start(
        command: &mut Command,
        log: &Path,
        folder: &Path,
        stop_signal: &'static str,
    ) -> Result<Self> {
        let output =
            File::create(log).with_context(|| format!("could not write {}", log.display()))?;
        let errors = output.try_clone().context("could not share the log file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {}", command.get_program().display()))?;
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &child.id().to_string()])
            .arg(folder)
            .arg(stop_signal)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("could not start the watchdog (sh)")?;
        Ok(Self {
            child,
            watchdog,
            stop_signal,
            log: log.to_owned(),
        })
    }

    /// Waits until `ready` says so; fails when the server ends before, or when
    /// `timeout` has passed.
    pub(crate) fn wait_until(&mut self, timeout: Duration, ready: impl Fn() -> bool) -> Result<()> {
        let started = Instant::now();
        while !ready() {
            if let Some(status) = self.exited()? {
                bail!(
                    "the server ended with {status} before it was ready; {}",
                    self.log()
                );
            }
            if started.elapsed() > timeout {
                bail!(
                    "the server was not ready after {} s; {}",
                    timeout.as_secs(),
                    self.log()
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// The server's process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the server printed, for the reader of a failure.
    pub(crate) fn log(&self) -> String {
        let printed = std::fs::read_to_string(&self.log).unwrap_or_default();
        if printed.trim().is_empty() {
            return "it printed nothing".to_owned();
        }
        format!("it printed:\n{printed}")
    }

    fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .context("could not ask after the server")
    }

    fn stop(&mut self) -> Result<()> {
        self.watchdog.kill().context("could not end the watchdog")?;
        self.watchdog
            .wait()
            .context("could not wait for the watchdog")?;
        if self.exited()?.is_some() {
            return Ok(());
        }
        let id = self.child.id().to_string();
        Command::new("kill")
            .args(["-s", self.stop_signal, &id])
            .status()
            .context("could not run kill")?;
        let started = Instant::now();
        while self.exited()?.is_none() {
            if started.elapsed() > STOP_TIMEOUT {
                self.child.kill().context("could not kill the server")?;
                self.child.wait().context("could not wait for the server")?;
                bail!(
                    "a server did not stop within {} s and was killed",
                    STOP_TIMEOUT.as_secs()
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("warning: {error:#}");
        }
    }
}

/// A port of the loopback address that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    let listener =
        std::net::TcpListener::bind(("127.0.0.1", 0)).context("could not find a free port")?;
    let address = listener
        .local_addr()
        .context("could not read the free port")?;
    Ok(address.port())
}
