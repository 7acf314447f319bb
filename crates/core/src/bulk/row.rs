//! One row of a mailing: its recipient and values, or what is wrong with it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::columns::{Column, Columns};
use crate::personalisation::Personalisation;

/// Most characters of a row's reference, as of a single message's.
pub const MAX_REFERENCE_CHARACTERS: usize = 1_000;

/// A row that can be sent. Its names in JSON are short, as it is stored 100,000 times.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    /// Which of the file's rows, from 1; the header and blank rows are not counted.
    #[serde(rename = "n")]
    pub number: u32,
    /// The recipient as given, without white space around it.
    #[serde(rename = "r")]
    pub recipient: String,
    /// The recipient as providers are told it.
    #[serde(rename = "a")]
    pub normalised: String,
    /// The caller's own name for the message.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The personalisation, by the template's spelling of the names.
    #[serde(rename = "v", default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
}

impl fmt::Debug for JobRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobRow({})", self.number)
    }
}

/// What the service and the template say to a row.
pub trait RowCheck {
    /// The recipient in its normal form.
    ///
    /// # Errors
    /// It is none, or this service may not send to it.
    fn recipient(&self, given: &str) -> Result<String, RecipientFault>;

    /// Looks at the message that these values make.
    ///
    /// # Errors
    /// Says what is wrong with it, quoting no value.
    fn content(&self, values: &Personalisation) -> Result<(), String>;
}

/// Why a recipient cannot be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientFault {
    /// It is no recipient of the channel.
    Invalid,
    /// The whole file is refused, with this explanation.
    NotAllowed(String),
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowError {
    /// Cells: the recipient's first, then the reference's, then the template's in their order.
    Cells(Vec<CellError>),
    /// The message that the cells make.
    Content(String),
}

/// What is wrong with a cell; the column by its usual name or the template's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// No recipient of the channel.
    #[error("`{column}`: invalid recipient")]
    InvalidRecipient {
        /// The recipient's.
        column: String,
    },
    /// Blank, or the row ends before it.
    #[error("`{column}`: Missing")]
    Missing {
        /// A placeholder's, or the recipient's.
        column: String,
    },
    /// More than [`MAX_REFERENCE_CHARACTERS`].
    #[error("`reference`: must not have more than {MAX_REFERENCE_CHARACTERS} characters")]
    LongReference,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cells(errors) => {
                let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(", "))
            }
            Self::Content(text) => f.write_str(text.trim_end_matches('.')),
        }
    }
}

/// Why a row gives no [`JobRow`].
pub(super) enum RowFault {
    Bad(RowError),
    NotAllowed(String),
}

/// Reads a row.
pub(super) fn read(
    columns: &Columns,
    check: &impl RowCheck,
    number: u32,
    cells: &[String],
) -> Result<JobRow, RowFault> {
    let mut errors = Vec::new();
    let (recipient, normalised) = recipient(columns, check, cells, &mut errors)?;
    let reference = columns
        .reference
        .map(|index| columns.cell(cells, index))
        .filter(|text| !text.is_empty());
    if reference.is_some_and(|text| text.chars().count() > MAX_REFERENCE_CHARACTERS) {
        errors.push(CellError::LongReference);
    }
    let mut values = Map::new();
    for column in &columns.values {
        if let Some(value) = value(columns, column, cells) {
            values.insert(column.name.clone(), value);
        } else if column.cells != columns.recipient.cells {
            errors.push(CellError::Missing {
                column: column.name.clone(),
            });
        }
    }
    if !errors.is_empty() {
        return Err(RowFault::Bad(RowError::Cells(errors)));
    }
    let bad_content = |text| RowFault::Bad(RowError::Content(text));
    let values = Personalisation::parse(values).map_err(|error| bad_content(error.to_string()))?;
    check.content(&values).map_err(bad_content)?;
    Ok(JobRow {
        number,
        recipient: recipient.to_owned(),
        normalised,
        reference: reference.map(str::to_owned),
        values: values.into_json(),
    })
}

/// The recipient as given and in its normal form, which is empty if there is an error.
fn recipient<'a>(
    columns: &Columns,
    check: &impl RowCheck,
    cells: &'a [String],
    errors: &mut Vec<CellError>,
) -> Result<(&'a str, String), RowFault> {
    let Column { name, cells: at } = &columns.recipient;
    let given = at.first().map_or("", |index| columns.cell(cells, *index));
    let column = || name.clone();
    if given.is_empty() {
        errors.push(CellError::Missing { column: column() });
        return Ok((given, String::new()));
    }
    match check.recipient(given) {
        Ok(normalised) => Ok((given, normalised)),
        Err(RecipientFault::Invalid) => {
            errors.push(CellError::InvalidRecipient { column: column() });
            Ok((given, String::new()))
        }
        Err(RecipientFault::NotAllowed(explanation)) => Err(RowFault::NotAllowed(explanation)),
    }
}

/// The value of a column, none if there is nothing in its cells.
fn value(columns: &Columns, column: &Column, cells: &[String]) -> Option<Value> {
    let filled = |index: &usize| Some(columns.cell(cells, *index)).filter(|cell| !cell.is_empty());
    match column.cells.as_slice() {
        [index] => filled(index).map(Value::from),
        list => {
            let members: Vec<Value> = list.iter().filter_map(filled).map(Value::from).collect();
            (!members.is_empty()).then_some(Value::Array(members))
        }
    }
}

#[cfg(test)]
mod tests;
