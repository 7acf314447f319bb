//! What processes use, from `/proc`: CPU time by group, and memory.

mod memory;
mod stat;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(crate) use memory::Memory;

use crate::numbers::rounded;
use stat::Processes;

/// Processes whose CPU time is counted under one name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Group {
    /// One process.
    Process(u32),
    /// A server: its process and its children, those that have ended included.
    Server(u32),
}

/// The groups of a measurement.
#[derive(Debug, Default, Clone)]
pub(crate) struct Groups(BTreeMap<&'static str, Group>);

/// CPU microseconds by group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cpu(BTreeMap<&'static str, u64>);

impl Groups {
    /// Counts a group under a name.
    pub fn add(&mut self, name: &'static str, group: Group) {
        self.0.insert(name, group);
    }

    /// What the groups have used so far.
    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        let processes = Processes::read()?;
        let used = |group: &Group| match *group {
            Group::Process(pid) => processes.own_micros(pid),
            Group::Server(pid) => processes.tree_micros(pid),
        };
        self.0
            .iter()
            .map(|(name, group)| Ok((*name, used(group)?)))
            .collect::<anyhow::Result<_>>()
            .map(Cpu)
    }

    /// What they have used since, and what is left to say about it.
    pub fn since(&self, before: &Cpu) -> anyhow::Result<Cpu> {
        let now = self.cpu()?;
        let used = now.0.into_iter().map(|(name, micros)| {
            let before = before.0.get(name).copied().unwrap_or(0);
            (name, micros.saturating_sub(before))
        });
        Ok(Cpu(used.collect()))
    }
}

impl Cpu {
    /// Divided among messages, by name.
    pub fn per_message(&self, n_messages: u64) -> Map<String, Value> {
        let n = n_messages.max(1) as f64;
        self.0
            .iter()
            .map(|(name, micros)| ((*name).to_owned(), rounded(*micros as f64 / n)))
            .collect()
    }

    /// All but the load and what stands in for the outside, divided among messages.
    pub fn of_the_system(&self, n_messages: u64) -> f64 {
        let ours = self
            .0
            .iter()
            .filter(|(name, _)| !["generator", "sandbox"].contains(name));
        ours.map(|(_, micros)| *micros).sum::<u64>() as f64 / n_messages.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_counted_from_before() {
        let mut groups = Groups::default();
        groups.add("generator", Group::Process(std::process::id()));
        let before = groups.cpu().unwrap();
        let mut sum = 0u64;
        for n in 0..200_000_000u64 {
            sum = std::hint::black_box(sum.wrapping_add(n));
        }
        let used = groups.since(&before).unwrap();
        assert!(used.0["generator"] >= 10_000, "{used:?}");
        assert_eq!(used.of_the_system(1), 0.0);
        assert!(used.per_message(1)["generator"].as_f64().unwrap() > 0.0);
    }
}
