//! A file of arguments, or stdin.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;

/// Whether a path stands for stdin.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads what `argument` names: a file, or stdin for `-`.
pub(crate) fn read(argument: &str, path: &Path) -> anyhow::Result<String> {
    let read = if is_stdin(path) {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    read.with_context(|| format!("{argument} {}", path.display()))
}
