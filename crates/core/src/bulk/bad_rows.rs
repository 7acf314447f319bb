//! The rows that cannot be sent: the first ones for the answer, all of them as a file.

use std::fmt;

use csv::Writer;

use super::SHOWN_ERRORS;
use super::columns::ERROR;
use super::formula::harmless;
use super::row::RowError;

/// A row and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// As [`super::JobRow::number`].
    pub number: u32,
    /// What is wrong.
    pub error: RowError,
}

impl fmt::Display for BadRow {
    /// As Notify writes it, without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = match self.error {
            RowError::Cells(_) => " -",
            RowError::Content(_) => ":",
        };
        write!(f, "Row {}{between} {}", self.number, self.error)
    }
}

/// Bad rows so far.
#[derive(Default)]
pub(super) struct BadRows {
    pub(super) n_rows: usize,
    /// The first [`SHOWN_ERRORS`].
    pub(super) shown: Vec<BadRow>,
    /// The file's header, if bad rows are kept.
    header: Option<Vec<String>>,
    file: Option<Writer<Vec<u8>>>,
}

impl BadRows {
    /// Has all rows kept for [`BadRows::into_csv`] from now on.
    pub(super) fn keep(&mut self, header: Vec<String>) {
        self.header = Some(header);
    }

    pub(super) fn push(&mut self, number: u32, cells: &[String], error: RowError) {
        self.n_rows += 1;
        if let Some(header) = &self.header {
            let file = self.file.get_or_insert_with(|| {
                let mut file = Writer::from_writer(Vec::new());
                write(&mut file, header, header.len(), ERROR);
                file
            });
            write(file, cells, header.len(), &error.to_string());
        }
        if self.shown.len() < SHOWN_ERRORS {
            self.shown.push(BadRow { number, error });
        }
    }

    /// The file of bad rows, if there are any and they were kept: the columns of the original, in
    /// UTF-8 and delimited by commas, and a last one that says what is wrong. Cells that the
    /// header has no column for are left out.
    pub(super) fn into_csv(self) -> Option<Vec<u8>> {
        let file = self.file?;
        Some(file.into_inner().expect("memory takes every write"))
    }
}

fn write(file: &mut Writer<Vec<u8>>, cells: &[String], n_columns: usize, error: &str) {
    let columns = (0..n_columns).map(|index| cells.get(index).map_or("", String::as_str));
    let record = columns.chain([error]).map(harmless);
    file.write_record(record)
        .expect("memory takes every write and all records have one length");
}
