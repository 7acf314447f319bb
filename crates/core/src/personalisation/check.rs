//! What a caller may send as personalisation.

use serde_json::{Map, Value};

use super::text;

/// Most characters of all names and values together (spec/dataflow.md §1.3, which counts the
/// values only: names of any length would then be stored).
pub const MAX_CHARACTERS: usize = 51_200;

/// Why a personalisation was refused. The texts are whole sentences for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PersonalisationError {
    /// An object, by which Notify's clients mean a file.
    #[error(
        "personalisation.{name} files are not supported; \
         it must be a string, number, boolean or list of these"
    )]
    File {
        /// The name as given.
        name: String,
    },
    /// A list or an object inside a list.
    #[error("personalisation.{name} must be a list of strings, numbers and booleans")]
    Nested {
        /// The name as given.
        name: String,
    },
    /// U+0000, which PostgreSQL cannot keep in `text` or `jsonb`.
    #[error("personalisation.{name} must not contain the character U+0000")]
    Nul {
        /// The name, with U+0000 written as `\0`.
        name: String,
    },
    /// More than [`MAX_CHARACTERS`].
    #[error(
        "personalisation is too long: its names and values have {characters} characters, \
         at most {MAX_CHARACTERS} are allowed"
    )]
    TooLong {
        /// How many there are.
        characters: usize,
    },
}

/// The first value that cannot be kept or filled in, or all of them if they are too long.
pub(super) fn check(given: &Map<String, Value>) -> Result<(), PersonalisationError> {
    for (name, value) in given {
        check_value(name, value)?;
    }
    // A name counts at least one character, or there could be any number of empty ones.
    let characters = given
        .iter()
        .map(|(name, value)| name.chars().count().max(1) + length(value))
        .sum();
    if characters > MAX_CHARACTERS {
        return Err(PersonalisationError::TooLong { characters });
    }
    Ok(())
}

fn check_value(name: &str, value: &Value) -> Result<(), PersonalisationError> {
    let parts = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    let has_nul = |text: &str| text.contains('\0');
    if has_nul(name) || parts.iter().filter_map(Value::as_str).any(has_nul) {
        return Err(PersonalisationError::Nul {
            name: name.replace('\0', "\\0"),
        });
    }
    if value.is_object() {
        return Err(PersonalisationError::File {
            name: name.to_owned(),
        });
    }
    if value.is_array() && parts.iter().any(|part| part.is_array() || part.is_object()) {
        return Err(PersonalisationError::Nested {
            name: name.to_owned(),
        });
    }
    Ok(())
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(parts) => parts.iter().map(length).sum(),
        single => text(single).chars().count(),
    }
}
