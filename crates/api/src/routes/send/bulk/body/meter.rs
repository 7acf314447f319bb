//! How much a parser of multipart is given besides the file.

use std::cell::Cell;

use actix_web::web::Bytes;

use super::BodyFault;

/// Most bytes of all parts but the file.
const LONGEST_FRAME: usize = 1 << 20;

/// Of these, so many at a time: with every look for a part the parser takes one piece more.
const FRAME_PIECE: usize = 4 << 10;

/// Bounds what a parser of multipart may gather: it holds everything up to the end of a part's
/// headers, however long they are. What is in the file is not counted.
#[derive(Debug, Default)]
pub(in super::super) struct Meter {
    /// Bytes passed outside of the file.
    n_bytes: Cell<usize>,
    is_in_file: Cell<bool>,
}

impl Meter {
    /// The file begins.
    pub(in super::super) fn file_begins(&self) {
        self.is_in_file.set(true);
    }

    /// The file has ended.
    pub(in super::super) fn file_ends(&self) {
        self.is_in_file.set(false);
    }

    /// Takes a piece off the front of what is ready.
    pub(super) fn pass(&self, ready: &mut Bytes) -> Result<Bytes, BodyFault> {
        if self.is_in_file.get() {
            return Ok(std::mem::take(ready));
        }
        let piece = ready.split_to(ready.len().min(FRAME_PIECE));
        self.n_bytes.set(self.n_bytes.get() + piece.len());
        match self.n_bytes.get() > LONGEST_FRAME {
            true => Err(BodyFault::LongFrame(LONGEST_FRAME)),
            false => Ok(piece),
        }
    }
}
