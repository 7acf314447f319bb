//! The values of a template's placeholders, from the command line.

use std::path::PathBuf;

use anyhow::Context;
use carillon_core::personalisation::{Personalisation, comparable_name};
use clap::Args;
use serde_json::{Map, Value};

use crate::failure::{Fault, bad_argument};
use crate::input;

/// `--set` and `--values`
#[derive(Args)]
pub(crate) struct Values {
    /// The value of a placeholder; may be given for each
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// The file with values as a JSON object, or - for stdin; --set lies above it
    #[arg(long, value_name = "PATH")]
    values: Option<PathBuf>,
}

impl Values {
    /// Whether they come from stdin, which can be read only once.
    pub fn reads_stdin(&self) -> bool {
        self.values.as_deref().is_some_and(input::is_stdin)
    }

    /// The values, checked as the API checks them.
    pub fn read(self) -> anyhow::Result<Personalisation> {
        let given = match &self.values {
            None => Map::new(),
            Some(path) => serde_json::from_str(&input::read("--values", path)?)
                .context("--values: not a JSON object")
                .context(Fault::Arguments)?,
        };
        let values = laid_over(given, self.set)?;
        Personalisation::parse(values).map_err(|error| bad_argument("values", error))
    }
}

/// A list is a JSON array in a file, so a name given twice here is a slip.
fn laid_over(
    mut values: Map<String, Value>,
    set: Vec<(String, String)>,
) -> anyhow::Result<Map<String, Value>> {
    let mut seen = Vec::new();
    for (name, value) in set {
        let comparable = comparable_name(&name);
        if seen.contains(&comparable) {
            return Err(bad_argument("--set", format!("{name:?} is given twice")));
        }
        values.retain(|known, _| comparable_name(known) != comparable);
        values.insert(name, value.into());
        seen.push(comparable);
    }
    Ok(values)
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !comparable_name(name).is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("must be NAME=VALUE, such as name=Ada"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn laid(set: &[&str]) -> anyhow::Result<Value> {
        let given = json!({ "first name": "Ada", "items": ["a", "b"] });
        let set = set.iter().map(|text| pair(text).expect("a pair")).collect();
        laid_over(given.as_object().cloned().expect("a map"), set).map(Value::Object)
    }

    #[test]
    fn a_value_of_the_command_line_replaces_that_of_the_file_whatever_its_spelling() {
        assert_eq!(
            laid(&["First_Name=Eve", "rest=a=b"]).expect("values"),
            json!({ "First_Name": "Eve", "items": ["a", "b"], "rest": "a=b" })
        );
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let error = laid(&["a=1", "A=2"]).expect_err("twice");
        assert!(format!("{error:#}").contains("given twice"), "{error:#}");
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for text in ["name", "=Ada", "-=Ada"] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}
