//! Processor time of the server, when it runs on this machine (Linux).

use crate::failure::Failure;

/// Units of the times in `/proc/PID/stat` in a second; the kernel's interface
/// fixes it (proc(5), `USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// A process whose processor time is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerCpu {
    pid: u32,
}

impl ServerCpu {
    /// Of this process, if it can be read.
    pub(super) fn of(pid: u32) -> Result<Self, Failure> {
        let cpu = Self { pid };
        match cpu.ticks() {
            Some(_) => Ok(cpu),
            None => Err(Failure::usage(format!(
                "the processor time of process {pid} cannot be read"
            ))
            .hint("--server-pid names a process of this machine, on Linux")),
        }
    }

    /// User and system time so far, in ticks; zero once it has ended.
    pub(super) fn now(self) -> u64 {
        self.ticks().unwrap_or_default()
    }

    /// Microseconds for each of `requests` since `before`.
    pub(super) fn us_each(self, before: u64, requests: u64) -> Option<f64> {
        let ticks = self.ticks()?.checked_sub(before)?;
        (requests > 0).then(|| ticks as f64 / TICKS_PER_S * 1e6 / requests as f64)
    }

    fn ticks(self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        ticks_of(&text)
    }
}

/// `utime` and `stime`, fields 14 and 15; the name in field 2 may hold blanks.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_process_name() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 700 55 0 0 20 0";
        assert_eq!(ticks_of(stat), Some(755));
        assert_eq!(ticks_of("12 (short) S 1"), None);
    }
}
