//! `/proc/PID/stat` of all processes.

use std::collections::HashMap;
use std::fs;

use anyhow::Context;

/// Kernel ticks in a second: fixed by Linux towards programs, whatever the kernel's own rate.
const TICKS_PER_SECOND: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Used by the process itself.
    own: u64,
    /// Used by children that have ended and were waited for.
    ended_children: u64,
}

/// Every process of this machine at one moment.
pub(crate) struct Processes(HashMap<u32, Stat>);

impl Processes {
    /// Reads them.
    pub fn read() -> anyhow::Result<Self> {
        let entries = fs::read_dir("/proc").context("/proc: CPU time is read on Linux only")?;
        let mut all = HashMap::new();
        for entry in entries.flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            // One that ended meanwhile has nothing to read.
            if let Ok(text) = fs::read_to_string(entry.path().join("stat"))
                && let Some(stat) = parse(&text)
            {
                all.insert(pid, stat);
            }
        }
        Ok(Self(all))
    }

    /// What a process has used.
    pub fn own_micros(&self, pid: u32) -> anyhow::Result<u64> {
        Ok(micros(self.get(pid)?.own))
    }

    /// What a process and its children have used, those that have ended included.
    pub fn tree_micros(&self, pid: u32) -> anyhow::Result<u64> {
        let root = self.get(pid)?;
        let children = self.0.values().filter(|stat| stat.parent == pid);
        let living: u64 = children.map(|stat| stat.own + stat.ended_children).sum();
        Ok(micros(root.own + root.ended_children + living))
    }

    fn get(&self, pid: u32) -> anyhow::Result<&Stat> {
        self.0
            .get(&pid)
            .with_context(|| format!("process {pid} does not run"))
    }
}

const fn micros(ticks: u64) -> u64 {
    ticks * (1_000_000 / TICKS_PER_SECOND)
}

fn parse(text: &str) -> Option<Stat> {
    // The name in parentheses may hold anything, parentheses and spaces included.
    let after_name = &text[text.rfind(')')? + 1..];
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_whatever_the_name() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 11 12 13 14 20 0 1 0 99 1 2";
        let expected = Stat {
            parent: 7,
            own: 23,
            ended_children: 27,
        };
        assert_eq!(parse(text), Some(expected));
    }
}
