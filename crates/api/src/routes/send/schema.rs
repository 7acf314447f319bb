//! A request's schema: closed keys, typed fields, every violation reported at once, in the words
//! of Notify's JSON-schema errors.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Names of fields that are not known that an answer tells.
const SHOWN_NAMES: usize = 10;
/// Most characters of each that it tells.
const SHOWN_CHARACTERS: usize = 60;

/// Takes fields out of a JSON object and gathers what is wrong.
pub(super) struct Fields {
    map: Map<String, Value>,
    violations: Vec<String>,
}

impl Fields {
    /// Opens a JSON object.
    pub fn open(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(map) => Ok(Self {
                map,
                violations: Vec::new(),
            }),
            other => Err(format!("{} is not of type object", python(&other))),
        }
    }

    /// The fields of an object that was taken apart already, with what was wrong with it.
    pub fn of(map: Map<String, Value>, violations: Vec<String>) -> Self {
        Self { map, violations }
    }

    /// Notes a violation.
    pub fn violation(&mut self, text: String) {
        self.violations.push(text);
    }

    /// A field that must be there, of type string.
    pub fn required_string(&mut self, name: &str) -> Option<String> {
        match self.map.remove(name) {
            None => {
                self.violation(format!("{name} is a required property"));
                None
            }
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.violation(format!("{name} {} is not of type string", python(&other)));
                None
            }
        }
    }

    /// A field that may be missing or null, of type string.
    pub fn optional_string(&mut self, name: &str) -> Option<String> {
        match self.map.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.violation(format!("{name} {} is not of type string", python(&other)));
                None
            }
        }
    }

    /// Reads a text as something; `what` completes the sentence "… is not a valid …".
    pub fn parse<T: std::str::FromStr>(
        &mut self,
        name: &str,
        text: Option<String>,
        what: &str,
    ) -> Option<T> {
        let text = text?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => {
                self.violation(format!("{name} is not a valid {what}"));
                None
            }
        }
    }

    /// A field of type object.
    pub fn optional_object(&mut self, name: &str) -> Map<String, Value> {
        match self.map.remove(name) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(map)) => map,
            Some(other) => {
                self.violation(format!("{name} {} is not of type object", python(&other)));
                Map::new()
            }
        }
    }

    /// A field that is a list of strings.
    pub fn optional_strings(&mut self, name: &str) -> Vec<String> {
        let list = match self.map.remove(name) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.violation(format!("{name} {} is not of type array", python(&other)));
                return Vec::new();
            }
        };
        let mut texts = Vec::with_capacity(list.len());
        for item in list {
            match item {
                Value::String(text) => texts.push(text),
                other => {
                    self.violation(format!("{name} {} is not of type string", python(&other)));
                }
            }
        }
        texts
    }

    /// Ends: what was not taken is not known, and any violation refuses the request.
    pub fn close(mut self) -> Result<(), Vec<String>> {
        if let Some(unexpected) = unexpected(&self.map) {
            let text = format!("Additional properties are not allowed ({unexpected} unexpected)");
            self.violations.push(text);
        }
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(self.violations)
        }
    }
}

/// The first names of fields that are not known, with their verb; none if there are none.
fn unexpected(map: &Map<String, Value>) -> Option<String> {
    let shown = |name: &String| name.chars().take(SHOWN_CHARACTERS).collect::<String>();
    let mut names: Vec<String> = map.keys().take(SHOWN_NAMES).map(shown).collect();
    let verb = match map.len() {
        0 => return None,
        1 => "was",
        _ => "were",
    };
    if map.len() > SHOWN_NAMES {
        names.push(format!("{} more", map.len() - SHOWN_NAMES));
    }
    Some(format!("{} {verb}", names.join(", ")))
}

/// A value as Notify's errors show it: Python's spelling without the quotes.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(python).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Object(map) => {
            let mut text = String::from("{");
            for (i, (key, value)) in map.iter().enumerate() {
                let comma = if i == 0 { "" } else { ", " };
                // Writing to a String cannot fail.
                let _ = write!(text, "{comma}{key}: {}", python(value));
            }
            text.push('}');
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_violation_is_reported_at_once() {
        let mut fields = Fields::open(json!({"a": 1, "p": "hi", "x": 1, "y": null})).unwrap();
        fields.required_string("a");
        fields.required_string("b");
        fields.optional_object("p");
        assert_eq!(
            fields.close().unwrap_err(),
            [
                "a 1 is not of type string",
                "b is a required property",
                "p hi is not of type object",
                "Additional properties are not allowed (x, y were unexpected)",
            ]
        );
    }

    #[test]
    fn of_many_names_that_are_not_known_the_first_are_told_and_none_at_length() {
        let names = std::iter::once("w".repeat(1_000)).chain((0..30).map(|n| format!("x{n:02}")));
        let map = names.map(|name| (name, json!(1))).collect();
        let told = Fields::of(map, Vec::new()).close().unwrap_err();
        let long = "w".repeat(60);
        let names = "x00, x01, x02, x03, x04, x05, x06, x07, x08";
        let text = format!(
            "Additional properties are not allowed ({long}, {names}, 21 more were unexpected)"
        );
        assert_eq!(told, [text]);
    }

    #[test]
    fn what_is_no_object_is_named() {
        for (value, text) in [
            (json!([]), "[]"),
            (json!(null), "None"),
            (json!(3), "3"),
            (json!(true), "True"),
        ] {
            assert_eq!(
                Fields::open(value).err(),
                Some(format!("{text} is not of type object"))
            );
        }
    }
}
