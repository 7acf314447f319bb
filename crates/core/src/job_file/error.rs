//! Why a file's rows could not be read.

use std::fmt;
use std::io;

use super::{MAX_CELL_BYTES, MAX_CELLS, MAX_ROW_BYTES};

/// Why reading ended early. The texts are whole sentences for the caller and never quote a cell.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The input failed; the reader's own error, as it came.
    #[error("The file could not be read to its end.")]
    Input(#[source] io::Error),
    /// A charset that nobody knows.
    #[error("The charset {label:?} is not known; save the file as UTF-8.")]
    UnknownCharset {
        /// As given.
        label: String,
    },
    /// Bytes that are not text of the charset.
    #[error(
        "Line {line} is not {charset}; save the file as UTF-8, or name its charset in \
         Content-Type, for example text/csv; charset=windows-1252."
    )]
    NotText {
        /// Where they are, from 1.
        line: u64,
        /// What the file was read as.
        charset: &'static str,
    },
    /// U+0000, which PostgreSQL cannot keep. A file in UTF-16 of which nobody knows is full of it.
    #[error(
        "There is a character U+0000 at {place}; if the file is UTF-16, name that charset in \
         Content-Type or save the file as UTF-8."
    )]
    Nul {
        /// Where it is.
        place: Place,
    },
    /// A cell begins with a quote that nothing closes.
    #[error("Line {line} begins a quoted cell that never ends.")]
    UnclosedQuote {
        /// Where the quote is, from 1.
        line: u64,
    },
    /// More than [`MAX_CELL_BYTES`].
    #[error("There are more than {MAX_CELL_BYTES} bytes in one cell at {place}{}.", .place.hint())]
    LongCell {
        /// Where it begins.
        place: Place,
    },
    /// More than [`MAX_ROW_BYTES`] or [`MAX_CELLS`].
    #[error(
        "There are more than {MAX_ROW_BYTES} bytes or {MAX_CELLS} cells in the row at {place}."
    )]
    LongRow {
        /// Where it begins.
        place: Place,
    },
    /// Not JSON at all.
    #[error("rows is not JSON: there is an error at line {line}, column {column} of it.")]
    NotJson {
        /// Of the JSON, from 1.
        line: usize,
        /// Of the line, from 1.
        column: usize,
    },
    /// JSON, but no array.
    #[error("rows must be an array of arrays.")]
    NotRows,
    /// An item of `rows` that is no array.
    #[error("There must be an array of cells at {place}.")]
    NotARow {
        /// Which.
        place: Place,
    },
    /// A cell that is an object or an array.
    #[error("There must be a string, number, boolean or null at {place}.")]
    NotACell {
        /// Which.
        place: Place,
    },
}

/// A place in a mailing. It is not called a row: rows are counted without header and blank lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a CSV file, from 1.
    Line(u64),
    /// An item of the array `rows`, from 1.
    Item(u64),
    /// A cell of an item, both from 1.
    Cell {
        /// Of the array.
        item: u64,
        /// Of the item.
        cell: usize,
    },
}

impl Place {
    const fn hint(self) -> &'static str {
        match self {
            Self::Line(_) => "; a quote may not be closed",
            Self::Item(_) | Self::Cell { .. } => "",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Item(item) => write!(f, "item {item} of rows"),
            Self::Cell { item, cell } => write!(f, "cell {cell} of item {item} of rows"),
        }
    }
}
