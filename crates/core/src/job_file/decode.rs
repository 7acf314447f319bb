//! Bytes → text, a piece at a time.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use super::FileError;

const PIECE_BYTES: usize = 64 * 1024;

/// Text out of a reader. A byte order mark says what it is, or else the charset that was named, or
/// else it is UTF-8.
pub(super) struct Text<R> {
    input: R,
    decoder: Decoder,
    bytes: Vec<u8>,
    /// What of `bytes` is not decoded yet.
    pending: std::ops::Range<usize>,
    is_at_end: bool,
    is_done: bool,
    text: String,
}

/// A piece of text, and whether it ends before bytes that are none.
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// The charset that the bytes after it are not of.
    pub(super) broken_off: Option<&'static str>,
}

impl<R: Read> Text<R> {
    pub(super) fn new(input: R, charset: Option<&str>) -> Result<Self, FileError> {
        let encoding = charset.map_or(Ok(UTF_8), |label| {
            Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
                FileError::UnknownCharset {
                    label: label.chars().take(60).collect(),
                }
            })
        })?;
        Ok(Self {
            input,
            decoder: encoding.new_decoder(),
            bytes: vec![0; PIECE_BYTES],
            pending: 0..0,
            is_at_end: false,
            is_done: false,
            text: String::with_capacity(PIECE_BYTES),
        })
    }

    /// The next piece, possibly an empty one; none at the end.
    pub(super) fn piece(&mut self) -> Result<Option<Piece<'_>>, FileError> {
        if self.is_done {
            return Ok(None);
        }
        if self.pending.is_empty() && !self.is_at_end {
            let n_bytes = read(&mut self.input, &mut self.bytes).map_err(FileError::Input)?;
            self.pending = 0..n_bytes;
            self.is_at_end = n_bytes == 0;
        }
        self.text.clear();
        let (result, n_taken) = self.decoder.decode_to_string_without_replacement(
            &self.bytes[self.pending.clone()],
            &mut self.text,
            self.is_at_end,
        );
        self.pending.start += n_taken;
        let mut broken_off = None;
        match result {
            DecoderResult::InputEmpty => self.is_done = self.is_at_end,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.is_done = true;
                broken_off = Some(self.decoder.encoding().name());
            }
        }
        Ok(Some(Piece {
            text: &self.text,
            broken_off,
        }))
    }
}

fn read(input: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
