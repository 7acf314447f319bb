//! A mailing from its header to its last row.

use super::bad_rows::BadRows;
use super::columns::Columns;
use super::refused::{FileRefused, Unlisted};
use super::row::{self, JobRow, RowCheck, RowFault};
use super::{MAX_ROWS, SHOWN_ERRORS};
use crate::channel::Channel;

text_enum! {
    /// What becomes of a mailing in which some rows cannot be sent.
    #[derive(Default)]
    pub enum OnInvalidRows {
        /// Nothing is sent.
        #[default]
        Refuse = "fail",
        /// The other rows are sent.
        Skip = "skip",
    }
}

/// Takes a mailing's rows one by one. After an error it is of no more use.
pub struct FileReader<C> {
    channel: Channel,
    placeholders: Vec<String>,
    check: C,
    on_invalid: OnInvalidRows,
    /// Known after the header.
    columns: Option<Columns>,
    /// Good and bad.
    n_rows: usize,
    bad: BadRows,
}

/// What a mailing came to.
#[derive(Clone, PartialEq, Eq)]
pub struct Read {
    /// How many rows can be sent, at least one.
    pub n_rows: usize,
    /// How many cannot and are left out.
    pub n_bad: usize,
    /// Those as a CSV file: header and cells as they came, but harmless to spreadsheets, and a
    /// last column `error`. [`FileReader`] reads it, corrected, as it would the original.
    pub bad_rows: Option<Vec<u8>>,
}

impl<C: RowCheck> FileReader<C> {
    /// A reader for a mailing of a template that has these placeholders.
    #[must_use]
    pub fn new(
        channel: Channel,
        placeholders: Vec<String>,
        check: C,
        on_invalid: OnInvalidRows,
    ) -> Self {
        Self {
            channel,
            placeholders,
            check,
            on_invalid,
            columns: None,
            n_rows: 0,
            bad: BadRows::default(),
        }
    }

    /// Takes the header, then row by row; rows without anything in them are not expected. Gives
    /// the row if it is to be sent: not if it is bad, and none any more if the mailing will be
    /// refused.
    ///
    /// # Errors
    /// The mailing is refused and the rest of it need not be read. Where bad rows refuse it, that
    /// is one more than are named, or the end.
    pub fn push(&mut self, cells: Vec<String>) -> Result<Option<JobRow>, FileRefused> {
        let Some(columns) = &self.columns else {
            let columns = Columns::of(&cells, self.channel, &self.placeholders)?;
            self.columns = Some(columns);
            if self.on_invalid == OnInvalidRows::Skip {
                self.bad.keep(cells);
            }
            return Ok(None);
        };
        if self.n_rows == MAX_ROWS {
            return Err(FileRefused::TooManyRows);
        }
        self.n_rows += 1;
        let number = u32::try_from(self.n_rows).expect("MAX_ROWS fits");
        match row::read(columns, &self.check, number, &cells) {
            Ok(row) => Ok((!self.is_refused()).then_some(row)),
            Err(RowFault::NotAllowed(explanation)) => Err(FileRefused::NotAllowed { explanation }),
            Err(RowFault::Bad(error)) => {
                self.bad.push(number, &cells, error);
                if self.is_refused() && self.bad.n_rows > SHOWN_ERRORS {
                    return Err(FileRefused::Rows {
                        shown: std::mem::take(&mut self.bad.shown),
                        unlisted: Unlisted::AtLeastOne,
                    });
                }
                Ok(None)
            }
        }
    }

    /// Whether bad rows have already decided.
    fn is_refused(&self) -> bool {
        self.on_invalid == OnInvalidRows::Refuse && self.bad.n_rows > 0
    }

    /// That was the last row.
    ///
    /// # Errors
    /// The mailing is refused: there was no row in it, a bad one, or no good one.
    pub fn finish(self) -> Result<Read, FileRefused> {
        if self.columns.is_none() {
            return Err(FileRefused::Empty);
        }
        if self.n_rows == 0 {
            return Err(FileRefused::NoRows);
        }
        let n_bad = self.bad.n_rows;
        if self.is_refused() || n_bad == self.n_rows {
            let unlisted = match n_bad - self.bad.shown.len() {
                0 => Unlisted::None,
                n_rows => Unlisted::Rows(n_rows),
            };
            let shown = self.bad.shown;
            return Err(FileRefused::Rows { shown, unlisted });
        }
        Ok(Read {
            n_rows: self.n_rows - n_bad,
            n_bad,
            bad_rows: self.bad.into_csv(),
        })
    }
}

impl std::fmt::Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Read({} rows, {} bad)", self.n_rows, self.n_bad)
    }
}

#[cfg(test)]
mod tests;
