//! What other programs of this machine spend: each with all the processes that it started.

use std::collections::HashMap;

/// Units of the times in `/proc/PID/stat` in a second; the kernel's interface fixes it (proc(5),
/// `USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// Time on a processor and memory of one program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// User and system time since its processes started, in seconds.
    pub cpu_s: f64,
    /// What its processes hold in memory, shared pages divided among them, in KiB.
    pub memory_kib: u64,
}

/// What the process `root` and its descendants have spent so far.
#[must_use]
pub fn spent(root: u32) -> Spent {
    let mut all = Spent::default();
    for pid in tree(root) {
        let stat = read(pid, "stat");
        all.cpu_s += fields(&stat).map_or(0.0, |stat| stat.ticks as f64 / TICKS_PER_S);
        all.memory_kib += proportional_kib(pid).unwrap_or_default();
    }
    all
}

fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some(stat) = fields(&read(pid, "stat")) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        found.push(pid);
        next.extend(children.remove(&pid).unwrap_or_default());
    }
    found
}

fn read(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

struct Stat {
    parent: u32,
    ticks: u64,
}

/// Field 4 of `stat` and the sum of 14 and 15; the name in field 2 may hold blanks.
fn fields(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut rest = rest.split_whitespace().skip(1);
    let parent = rest.next()?.parse().ok()?;
    let mut times = rest.skip(9);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(Stat {
        parent,
        ticks: next()? + next()?,
    })
}

/// `Pss` of `smaps_rollup`: a page that several processes share counts for each in part.
fn proportional_kib(pid: u32) -> Option<u64> {
    let text = read(pid, "smaps_rollup");
    let line = text.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_parent_are_found_behind_any_process_name() {
        let stat = fields("12 (a b) c) S 7 2 3 4 5 6 7 8 9 10 700 55 0 0 20 0").expect("fields");
        assert_eq!((stat.parent, stat.ticks), (7, 755));
        assert!(fields("12 (short) S 1").is_none());
    }

    #[test]
    fn this_program_holds_memory() {
        assert!(spent(std::process::id()).memory_kib > 0);
    }
}
