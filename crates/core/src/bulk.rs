//! Mailings: which columns a file must have, what becomes of each row, and how rows are stored.
//!
//! [`FileReader`] takes the rows of [`crate::job_file`] one after the other and gives back the
//! good ones; [`ChunkWriter`] packs those. A row's place among the rows with anything in them is
//! its number, here and in the job that follows, whichever rows were bad.

mod bad_rows;
mod chunk;
mod columns;
mod file_reader;
mod formula;
mod refused;
mod row;

pub use bad_rows::BadRow;
pub use chunk::{Chunk, ChunkError, ChunkWriter, read_chunk};
pub use columns::{Columns, ColumnsError};
pub use file_reader::{FileReader, OnInvalidRows, Read};
pub use refused::{FileRefused, Unlisted};
pub use row::{CellError, JobRow, MAX_REFERENCE_CHARACTERS, RecipientFault, RowCheck, RowError};

/// Most rows of a mailing, the header not counted.
pub const MAX_ROWS: usize = 100_000;
/// How many bad rows an answer names.
pub const SHOWN_ERRORS: usize = 20;
/// Rows that are stored, claimed and saved together.
pub const CHUNK_ROWS: usize = 500;
