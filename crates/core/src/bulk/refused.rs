//! Why a mailing is refused as a whole.

use std::fmt;

use super::bad_rows::BadRow;
use super::columns::ColumnsError;
use super::{MAX_ROWS, SHOWN_ERRORS};

/// Why a mailing is refused. The texts are whole sentences for the caller and quote no cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileRefused {
    /// There is no header.
    #[error("The file is empty.")]
    Empty,
    /// The header does not fit the template.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// A header alone.
    #[error("The file has no rows below its header.")]
    NoRows,
    /// More than [`MAX_ROWS`].
    #[error("Too many rows. Maximum number of rows allowed is {MAX_ROWS}.")]
    TooManyRows,
    /// A recipient that this service or key may not send to.
    #[error("You cannot send to these recipients {explanation}")]
    NotAllowed {
        /// Why, as [`super::RowCheck::recipient`] says.
        explanation: String,
    },
    /// Rows that cannot be sent.
    #[error("Some rows have errors. {}.{unlisted}", list(.shown))]
    Rows {
        /// The first ones, at most [`SHOWN_ERRORS`].
        shown: Vec<BadRow>,
        /// How many there are besides.
        unlisted: Unlisted,
    },
}

/// Bad rows that are not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// There are none.
    None,
    /// Just so many.
    Rows(usize),
    /// At least one; the rest was not looked at.
    AtLeastOne,
}

impl fmt::Display for Unlisted {
    /// A sentence that follows others, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Rows(n_rows) => write!(f, " And {n_rows} more."),
            Self::AtLeastOne => write!(f, " Only the first {SHOWN_ERRORS} are listed."),
        }
    }
}

fn list(rows: &[BadRow]) -> String {
    let texts: Vec<_> = rows.iter().map(ToString::to_string).collect();
    texts.join(". ")
}
