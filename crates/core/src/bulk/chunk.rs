//! Rows packed together, as a job keeps them.
//!
//! A payload is one byte for its format, then gzip of a JSON array of rows: gzip brings a checksum
//! and the length, so that a payload that was cut or changed is never taken for a good one.

use std::fmt;
use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::row::JobRow;

/// The first byte of a payload.
const FORMAT: u8 = 1;
/// A chunk is closed when its JSON has so many bytes, or long rows would make one of gigabytes.
const FULL_BYTES: usize = 4 << 20;
/// No chunk inflates to more: a full one less a byte, and the longest row.
const MAX_INFLATED_BYTES: u64 = 64 << 20;

/// Some rows of a job.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// [`JobRow::number`] of the first; numbers ascend, with gaps where bad rows were.
    pub first_row: u32,
    /// [`JobRow::number`] of the last.
    pub last_row: u32,
    /// How many there are.
    pub n_rows: u32,
    /// For [`read_chunk`].
    pub payload: Vec<u8>,
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} rows from {})", self.n_rows, self.first_row)
    }
}

/// Packs rows into chunks as they come.
pub struct ChunkWriter {
    rows_per_chunk: usize,
    chunks: Vec<Chunk>,
    /// Of the payloads of `chunks`.
    n_bytes: usize,
    open: Option<OpenChunk>,
    /// A row's JSON, kept for its memory.
    json: Vec<u8>,
}

struct OpenChunk {
    first_row: u32,
    last_row: u32,
    n_rows: u32,
    n_json_bytes: usize,
    packer: GzEncoder<Vec<u8>>,
}

impl ChunkWriter {
    /// Chunks of so many rows; the last has fewer, and so do those with very long rows.
    #[must_use]
    pub fn new(rows_per_chunk: usize) -> Self {
        Self {
            rows_per_chunk,
            chunks: Vec::new(),
            n_bytes: 0,
            open: None,
            json: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &JobRow) {
        self.json.clear();
        serde_json::to_writer(&mut self.json, row).expect("a row is JSON");
        let open = self.open.get_or_insert_with(|| OpenChunk::new(row.number));
        open.push(row.number, &self.json);
        if open.n_rows as usize >= self.rows_per_chunk || open.n_json_bytes >= FULL_BYTES {
            self.close();
        }
    }

    /// Bytes of all payloads so far; a little is still on its way into the last.
    #[must_use]
    pub fn size(&self) -> usize {
        let open = self.open.as_ref();
        self.n_bytes + open.map_or(0, |open| open.packer.get_ref().len())
    }

    /// All chunks, in the order of their rows.
    #[must_use]
    pub fn finish(mut self) -> Vec<Chunk> {
        self.close();
        self.chunks
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let chunk = open.close();
            self.n_bytes += chunk.payload.len();
            self.chunks.push(chunk);
        }
    }
}

impl OpenChunk {
    fn new(first_row: u32) -> Self {
        Self {
            first_row,
            last_row: first_row,
            n_rows: 0,
            n_json_bytes: 0,
            packer: GzEncoder::new(vec![FORMAT], Compression::fast()),
        }
    }

    fn push(&mut self, number: u32, json: &[u8]) {
        self.last_row = number;
        self.pack(if self.n_rows == 0 { b"[" } else { b"," });
        self.pack(json);
        self.n_rows += 1;
    }

    fn pack(&mut self, json: &[u8]) {
        self.n_json_bytes += json.len();
        self.packer
            .write_all(json)
            .expect("memory takes every write");
    }

    fn close(mut self) -> Chunk {
        self.pack(b"]");
        Chunk {
            first_row: self.first_row,
            last_row: self.last_row,
            n_rows: self.n_rows,
            payload: self.packer.finish().expect("memory takes every write"),
        }
    }
}

/// A payload that is not what was written. Nothing of it is quoted.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// There is nothing.
    #[error("the chunk is empty")]
    Empty,
    /// Written by a newer version, or no chunk.
    #[error("the chunk's format is {0}, which is not known")]
    UnknownFormat(u8),
    /// Cut or changed.
    #[error("the chunk is damaged")]
    Damaged(#[source] io::Error),
    /// There is more behind its end.
    #[error("the chunk has {0} bytes behind its end")]
    Trailing(usize),
    /// Not written by us.
    #[error("the chunk inflates to more than {MAX_INFLATED_BYTES} bytes")]
    TooLarge,
    /// Whole, but not rows as this version knows them.
    #[error("the chunk has no rows at line {line}, column {column} of its JSON")]
    NotRows {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// The rows of a payload.
///
/// # Errors
/// It is not one that [`ChunkWriter`] wrote, whole and unchanged.
pub fn read_chunk(payload: &[u8]) -> Result<Vec<JobRow>, ChunkError> {
    let (format, packed) = payload.split_first().ok_or(ChunkError::Empty)?;
    if *format != FORMAT {
        return Err(ChunkError::UnknownFormat(*format));
    }
    let mut unpacker = GzDecoder::new(packed);
    let mut json = Vec::new();
    // One byte more than allowed tells a chunk that is too large from one that is just full.
    let n_bytes = (&mut unpacker)
        .take(MAX_INFLATED_BYTES + 1)
        .read_to_end(&mut json)
        .map_err(ChunkError::Damaged)?;
    if n_bytes as u64 > MAX_INFLATED_BYTES {
        return Err(ChunkError::TooLarge);
    }
    let rest = unpacker.into_inner();
    if !rest.is_empty() {
        return Err(ChunkError::Trailing(rest.len()));
    }
    serde_json::from_slice(&json).map_err(|error| ChunkError::NotRows {
        line: error.line(),
        column: error.column(),
    })
}

#[cfg(test)]
mod tests;
