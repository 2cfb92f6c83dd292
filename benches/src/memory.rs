//! How much memory this process holds, as the kernel counts it.

/// Bytes of this process that are in memory (`/proc/self/status`, `VmRSS`); `None` where there is
/// no such file.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
