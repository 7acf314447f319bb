//! Memory of a process.

use anyhow::Context;

/// Resident memory in megabytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Memory {
    /// Now.
    pub now_mb: f64,
    /// At its highest so far.
    pub peak_mb: f64,
}

impl Memory {
    /// Of a running process.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{pid}/status");
        let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        parse(&text).with_context(|| format!("{path} names no resident memory"))
    }
}

fn parse(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: f64 = line.split_ascii_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1_024.0 / 1e6)
    };
    Some(Memory {
        now_mb: field("VmRSS:")?,
        peak_mb: field("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_megabytes() {
        let text = "Name:\tx\nVmHWM:\t   20000 kB\nVmRSS:\t   10000 kB\n";
        let read = parse(text).unwrap();
        assert_eq!((read.now_mb, read.peak_mb), (10.24, 20.48));
    }
}
