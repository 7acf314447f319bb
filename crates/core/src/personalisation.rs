//! The values a caller supplies for the placeholders of a template.

mod check;
mod sanitise;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use check::{MAX_CHARACTERS, PersonalisationError};
pub use sanitise::sanitise;

/// Values by name. A name is found whatever its case, spaces, `-` and `_`; null is no value.
///
/// Built by [`Personalisation::parse`] from what a caller sent. Serialised as the map itself;
/// deserialising is [`Personalisation::stored`], as only our own rows and messages are read so.
#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct Personalisation {
    given: Map<String, Value>,
    /// Comparable name → name as given. Null values are left out.
    names: BTreeMap<String, String>,
}

impl Personalisation {
    /// Checks the values a caller sent.
    ///
    /// # Errors
    /// The first value that cannot be kept or filled in, or all of them if they are too long.
    pub fn parse(given: Map<String, Value>) -> Result<Self, PersonalisationError> {
        check::check(&given)?;
        Ok(Self::stored(given))
    }

    /// Takes values that were checked when they came in. Sanitised ones may by now be longer than
    /// a caller may send, so the limit is not looked at again.
    #[must_use]
    pub fn stored(given: Map<String, Value>) -> Self {
        let mut names = BTreeMap::new();
        for (name, _) in given.iter().filter(|(_, value)| !value.is_null()) {
            // Two spellings of one name: the greater wins, as `jsonb` and maps keep no order.
            let winner: &mut String = names.entry(comparable_name(name)).or_default();
            if name > winner {
                winner.clone_from(name);
            }
        }
        Self { given, names }
    }

    /// The value for a placeholder; a name spelled exactly so goes first.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.given
            .get(name)
            .filter(|value| !value.is_null())
            .or_else(|| {
                let given = self.names.get(&comparable_name(name))?;
                self.given.get(given)
            })
    }

    /// The values as given, for storage.
    #[must_use]
    pub const fn as_json(&self) -> &Map<String, Value> {
        &self.given
    }

    /// The values as given, for storage.
    #[must_use]
    pub fn into_json(self) -> Map<String, Value> {
        self.given
    }

    /// Makes the values of `names` harmless with [`sanitise`], and reports those it changed as
    /// `{name: {"sanitised", "unsanitised"}}` (spec/clients.md §1, `sanitise_content_for`).
    /// Names without a value are passed over.
    #[must_use]
    pub fn sanitised(&self, names: &[String]) -> (Self, Map<String, Value>) {
        let mut given = self.given.clone();
        let mut report = Map::new();
        if names.is_empty() {
            return (self.clone(), report);
        }
        let wanted: HashSet<String> = names.iter().map(|name| comparable_name(name)).collect();
        // Every spelling: which of them a template will use is not known here.
        for (spelling, value) in &mut given {
            if !wanted.contains(&comparable_name(spelling)) {
                continue;
            }
            let sanitised = sanitise::value(value);
            if sanitised != *value {
                let unsanitised = std::mem::replace(value, sanitised.clone());
                let change = serde_json::json!({
                    "sanitised": sanitised,
                    "unsanitised": unsanitised,
                });
                report.insert(spelling.clone(), change);
            }
        }
        (Self::stored(given), report)
    }
}

impl From<Map<String, Value>> for Personalisation {
    fn from(given: Map<String, Value>) -> Self {
        Self::stored(given)
    }
}

impl Serialize for Personalisation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.given.serialize(serializer)
    }
}

impl fmt::Debug for Personalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Personalisation({} values)", self.given.len())
    }
}

/// The form in which names of placeholders, values and columns are compared.
#[must_use]
pub fn comparable_name(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// A single value as it is filled in: numbers as JSON prints them, booleans as Notify does.
/// Null is empty.
#[must_use]
pub fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Bool(true) => Cow::Borrowed("True"),
        Value::Bool(false) => Cow::Borrowed("False"),
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Cow::Owned(value.to_string()),
    }
}

#[cfg(test)]
mod tests;
