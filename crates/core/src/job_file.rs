//! The rows of a mailing as they come in: a CSV file of any length, or the JSON of a request.
//!
//! Both readers push. They call `each` with one row after the other, the header first, until it
//! breaks, and keep no more than one row: a file is never in memory as a whole. Rows without
//! anything in them are passed over, as spreadsheets leave such behind. What the columns mean is
//! decided in [`crate::bulk`].

mod csv;
mod decode;
mod delimiter;
mod error;
mod json;
mod row;

use std::ops::ControlFlow;

pub use self::csv::read_csv;
pub use self::error::{FileError, Place};
pub use self::json::read_json;

/// Most bytes of a cell, as UTF-8.
pub const MAX_CELL_BYTES: usize = 1 << 20;
/// Most bytes of a row's cells together, as UTF-8.
pub const MAX_ROW_BYTES: usize = 4 << 20;
/// Most cells of a row, as many as spreadsheets have columns.
pub const MAX_CELLS: usize = 16_384;

/// Takes a row and says whether to go on. The number is where the row begins, from 1: its line in
/// a CSV file, its place in the array in JSON.
pub type Each<'a> = dyn FnMut(u64, Vec<String>) -> ControlFlow<()> + 'a;
