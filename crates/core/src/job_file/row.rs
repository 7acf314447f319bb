//! A row while its cells come in, piece by piece.

use super::{FileError, MAX_CELL_BYTES, MAX_CELLS, MAX_ROW_BYTES, Place};

/// Cells so far. Nothing is taken that would pass the limits, so that no input makes it grow.
#[derive(Default)]
pub(super) struct Row {
    cells: Vec<String>,
    /// The cell that is being read.
    cell: String,
    /// Of the finished cells.
    n_bytes: usize,
}

impl Row {
    /// Forgets the cell so far.
    pub(super) fn clear_cell(&mut self) {
        self.cell.clear();
    }

    /// Adds to the cell; `place` is what an error names.
    pub(super) fn push(&mut self, text: &str, place: Place) -> Result<(), FileError> {
        let n_bytes = self.cell.len() + text.len();
        if n_bytes > MAX_CELL_BYTES {
            return Err(FileError::LongCell { place });
        }
        if self.n_bytes + n_bytes > MAX_ROW_BYTES {
            return Err(FileError::LongRow { place });
        }
        self.cell.push_str(text);
        Ok(())
    }

    /// The cell is complete.
    pub(super) fn end_cell(&mut self, place: Place) -> Result<(), FileError> {
        if self.cells.len() == MAX_CELLS {
            return Err(FileError::LongRow { place });
        }
        self.n_bytes += self.cell.len();
        self.cells.push(std::mem::take(&mut self.cell));
        Ok(())
    }

    /// The row is complete: its cells, unless there is nothing in any. Empties itself for the next.
    pub(super) fn end(&mut self) -> Option<Vec<String>> {
        let n_cells = self.cells.len();
        let cells = std::mem::replace(&mut self.cells, Vec::with_capacity(n_cells));
        self.n_bytes = 0;
        let is_blank = cells.iter().all(|cell| cell.trim().is_empty());
        (!is_blank).then_some(cells)
    }
}
