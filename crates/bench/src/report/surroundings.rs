//! What a figure is worth nothing without: the machine, the versions, the seed.

use std::process::{Command, Stdio};

use carillon_test_support::{Environment, amqp_url};
use serde_json::{Map, Value, json};

use crate::arguments::Arguments;
use crate::broker;

/// Reads them; what cannot be found out is null.
pub(super) fn read(arguments: &Arguments) -> Map<String, Value> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut all = Map::new();
    all.insert(
        "machine".to_owned(),
        json!({ "cores": cores, "memory_mb": memory_mb(), "load_at_start": load() }),
    );
    let versions = json!({
        "postgresql": said("psql", &["-XAtc", "SHOW server_version", Environment::get().postgres()]),
        "rabbitmq": broker::version(&amqp_url()),
        "rustc": said("rustc", &["--version"]).and_then(|said| said.split(' ').nth(1).map(str::to_owned)),
        "commit": commit(),
    });
    all.insert("versions".to_owned(), versions);
    all.insert("seed".to_owned(), arguments.seed.into());
    all
}

/// With a mark when the tree has changes that are not committed.
fn commit() -> Option<String> {
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changes =
        said("git", &["--no-optional-locks", "status", "--porcelain"]).unwrap_or_default();
    Some(if changes.is_empty() {
        commit
    } else {
        format!("{commit} with changes")
    })
}

fn said(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Of the last minute, as the kernel counts it: well above 0, others are at work here.
fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

fn memory_mb() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1_024)
}
