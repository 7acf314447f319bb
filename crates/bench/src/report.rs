//! A result: a table for people, JSON for scripts.

mod surroundings;

use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value};

use crate::arguments::Arguments;

/// The fields of a scenario's result, in the order in which they are shown.
pub(crate) struct Report {
    name: &'static str,
    fields: Vec<(String, Value)>,
    surroundings: Map<String, Value>,
}

impl Report {
    /// Without figures yet.
    pub fn new(name: &'static str, arguments: &Arguments) -> Self {
        Self {
            name,
            fields: Vec::new(),
            surroundings: surroundings::read(arguments),
        }
    }

    /// Adds a figure.
    pub fn set(&mut self, field: &str, value: Value) {
        self.fields.push((field.to_owned(), value));
    }

    /// Shows it.
    pub fn print(&self) {
        println!("\n{}", self.name);
        let all = self.fields.iter().map(|(name, value)| (name, value));
        for (name, value) in all.chain(&self.surroundings) {
            println!("  {name:<28} {}", shown(value));
        }
    }

    /// Writes it as NAME.json.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let mut all: Map<String, Value> = self.fields.iter().cloned().collect();
        all.extend(self.surroundings.clone());
        let text = serde_json::to_string_pretty(&all)?;
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join(format!("{}.json", self.name));
        std::fs::write(&path, text + "\n").with_context(|| format!("writing {}", path.display()))
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join("  "),
        Value::Object(all) => {
            let pair = |(name, value): (&String, &Value)| format!("{name} {}", shown(value));
            all.iter().map(pair).collect::<Vec<_>>().join("  ")
        }
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        Value::Bool(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_shown_on_one_line() {
        assert_eq!(shown(&json!(1_200.0)), "1200");
        assert_eq!(
            shown(&json!({"api": 12.5, "worker": null})),
            "api 12.5  worker -"
        );
        assert_eq!(shown(&json!([1, 2.5])), "1  2.5");
    }
}
