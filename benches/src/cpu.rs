//! The time that this thread spent on a processor, which is what its work costs however much else
//! the machine has to do.

use std::time::{Duration, Instant};

/// Measures this thread's time on a processor, or the wall clock's where the kernel does not say.
///
/// The kernel brings its figure up to date a few hundred times a second: short pieces of work must
/// be repeated for seconds before their sum means anything.
pub struct Stopwatch {
    wall: Instant,
    start: Duration,
}

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        let wall = Instant::now();
        Self {
            wall,
            start: thread_time().unwrap_or_default(),
        }
    }

    /// Time spent since.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match thread_time() {
            Some(now) => now.saturating_sub(self.start),
            None => self.wall.elapsed(),
        }
    }
}

/// The first word of `/proc/thread-self/schedstat`, in nanoseconds.
fn thread_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
