//! A request's schema: closed keys, typed fields, every violation reported at once, in the words
//! of Notify's JSON-schema errors.

use std::fmt::Write;

use serde_json::{Map, Value};

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
        let unknown: Vec<_> = self.map.keys().map(String::as_str).collect();
        match unknown.as_slice() {
            [] => {}
            [one] => {
                let text = format!("Additional properties are not allowed ({one} was unexpected)");
                self.violations.push(text);
            }
            many => {
                let text = format!(
                    "Additional properties are not allowed ({} were unexpected)",
                    many.join(", ")
                );
                self.violations.push(text);
            }
        }
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(self.violations)
        }
    }
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
