//! Secrets on the command line. They come from a file, stdin or the environment: an argument would
//! show in the list of processes and in the shell's history.

use std::path::Path;

use carillon_runtime::settings;

use crate::failure::bad_argument;
use crate::input;

/// Reads what `argument` names, a file or `-` for stdin, or else the variable. Line ends at its end
/// do not count.
pub(crate) fn read(argument: &str, file: Option<&Path>, variable: &str) -> anyhow::Result<String> {
    let text = match file {
        Some(path) => input::read(argument, path)?,
        None => settings::environment()
            .find(|(name, _)| name == variable)
            .map(|(_, value)| value)
            .unwrap_or_default(),
    };
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        let message = format!("is needed, or {variable}, and must not be empty");
        return Err(bad_argument(argument, message));
    }
    Ok(text.to_owned())
}
