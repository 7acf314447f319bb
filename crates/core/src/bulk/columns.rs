//! What the columns of a mailing are, by its header.

use std::collections::{HashMap, HashSet};

use super::formula;
use crate::channel::Channel;
use crate::personalisation::comparable_name;

/// The header's name for a row's reference.
const REFERENCE: &str = "reference";
/// The header of the last column in the file of bad rows.
pub(super) const ERROR: &str = "error";

/// Where in a row to find what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    pub(super) recipient: Column,
    pub(super) reference: Option<usize>,
    /// One for each placeholder, in the template's order.
    pub(super) values: Vec<Column>,
    /// It is a file of bad rows that comes back, whose cells were made harmless.
    is_returned: bool,
}

/// A value and where it is: in one cell, or in several which then are a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// The template's spelling, which is also what errors name.
    pub(super) name: String,
    /// From 0, ascending, at least one.
    pub(super) cells: Vec<usize>,
}

/// A header that does not fit. The names are the template's and ours, never the file's: a file
/// without a header begins with somebody's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// Nothing has these names.
    #[error("Missing column headers: {}.", .names.join(", "))]
    Missing {
        /// The recipient's, then the template's in their order.
        names: Vec<String>,
    },
    /// More than one column says the recipient, or the reference.
    #[error("Duplicate column headers: {}.", .names.join(", "))]
    Duplicate {
        /// Each as often as it is there.
        names: Vec<String>,
    },
}

impl Columns {
    /// Finds the recipient, the reference and a value for each of `placeholders`. Names are
    /// compared as those of values are; other columns and those without a name are ignored.
    ///
    /// # Errors
    /// Names every column that is missing, or else those that are there twice and must not be.
    pub fn of(
        header: &[String],
        channel: Channel,
        placeholders: &[String],
    ) -> Result<Self, ColumnsError> {
        let spellings = recipient_names(channel);
        let recipient_names = spellings.map(comparable_name);
        let mut found: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, name) in header.iter().enumerate() {
            found.entry(comparable_name(name)).or_default().push(index);
        }
        let recipients: Vec<(&str, usize)> = recipient_names
            .iter()
            .zip(spellings)
            .flat_map(|(name, spelling)| found.get(name).map(|at| (spelling, at)))
            .flat_map(|(spelling, at)| at.iter().map(move |index| (spelling, *index)))
            .collect();

        let mut missing = Vec::new();
        if recipients.is_empty() {
            missing.push(spellings[0].to_owned());
        }
        let (mut values, mut seen) = (Vec::new(), HashSet::new());
        for placeholder in placeholders {
            let name = comparable_name(placeholder);
            let cells = if recipient_names.contains(&name) {
                Some(recipients.iter().map(|(_, index)| *index).collect())
            } else {
                found.get(&name).cloned()
            };
            match cells {
                _ if !seen.insert(name) => {}
                Some(cells) => values.push(Column {
                    name: placeholder.clone(),
                    cells,
                }),
                None => missing.push(placeholder.clone()),
            }
        }
        if !missing.is_empty() {
            return Err(ColumnsError::Missing { names: missing });
        }

        let references = found.get(REFERENCE).map_or(&[][..], Vec::as_slice);
        let mut duplicates = Vec::new();
        if recipients.len() > 1 {
            duplicates.extend(recipients.iter().map(|(spelling, _)| *spelling));
        }
        if references.len() > 1 {
            duplicates.extend(references.iter().map(|_| REFERENCE));
        }
        if let ([(spelling, index)], []) = (&recipients[..], &duplicates[..]) {
            return Ok(Self {
                recipient: Column {
                    name: (*spelling).to_owned(),
                    cells: vec![*index],
                },
                reference: references.first().copied(),
                is_returned: header
                    .last()
                    .is_some_and(|name| comparable_name(name) == ERROR)
                    && !seen.contains(ERROR),
                values,
            });
        }
        Err(ColumnsError::Duplicate {
            names: duplicates.into_iter().map(str::to_owned).collect(),
        })
    }

    /// A cell as it was meant: without white space around it, empty if the row is too short.
    pub(super) fn cell<'a>(&self, cells: &'a [String], index: usize) -> &'a str {
        let cell = cells.get(index).map_or("", String::as_str);
        let cell = if self.is_returned {
            formula::restored(cell)
        } else {
            cell
        };
        cell.trim()
    }
}

const fn recipient_names(channel: Channel) -> [&'static str; 2] {
    match channel {
        Channel::Email => ["email address", "adresse courriel"],
        Channel::Sms => ["phone number", "numéro de téléphone"],
    }
}

#[cfg(test)]
mod tests;
