//! Reading the log back.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::Entry;
use crate::memory::Memory;

/// What the log remembers; nothing when there is no log yet.
///
/// Lines that cannot be read, such as the torn last one after a power cut, are counted in one
/// warning and skipped.
///
/// # Errors
/// When the file exists and cannot be read.
pub fn replay(path: &Path) -> io::Result<Memory> {
    let mut memory = Memory::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(memory),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut line, mut n_unreadable) = (Vec::new(), 0_u64);
    while reader.read_until(b'\n', &mut line)? > 0 {
        match serde_json::from_slice(&line) {
            Ok(entry) => memory.recall(entry),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(_) => n_unreadable += 1,
        }
        line.clear();
    }
    if n_unreadable > 0 {
        tracing::warn!(
            n_rows = n_unreadable,
            "skipped lines of the log that cannot be read"
        );
    }
    Ok(memory)
}

impl Memory {
    fn recall(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Call(call) => {
                self.record(call.into_owned());
            }
            Entry::Pending(pending) => self.owe(pending),
            Entry::Receipted { event_id, .. } => {
                self.settle_event(&event_id, true);
            }
            Entry::Dropped { event_id, .. } => {
                self.settle_event(&event_id, false);
            }
        }
    }
}
