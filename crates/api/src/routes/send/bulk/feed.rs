//! From the async side, where a body comes in, to the thread that reads its rows: a few pieces at a
//! time, so that neither runs ahead of the other.

use std::io::{self, Read};

use actix_web::web::{Buf, Bytes};
use tokio::sync::mpsc;

/// Pieces on their way, each of tens of kilobytes.
const PIECES: usize = 8;

/// The async end.
pub(super) struct Feeder(mpsc::Sender<Piece>);

/// The reader's end, which blocks.
pub(super) struct FedReader {
    pieces: mpsc::Receiver<Piece>,
    piece: Bytes,
    is_at_end: bool,
}

enum Piece {
    Bytes(Bytes),
    End,
}

/// Both ends.
pub(super) fn feed() -> (Feeder, FedReader) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let reader = FedReader {
        pieces,
        piece: Bytes::new(),
        is_at_end: false,
    };
    (Feeder(sender), reader)
}

impl Feeder {
    /// Hands a piece on; whether the reader wants more.
    pub(super) async fn feed(&self, bytes: Bytes) -> bool {
        self.0.send(Piece::Bytes(bytes)).await.is_ok()
    }

    /// Says that this was all. A reader whose feeder ends without has an error.
    pub(super) async fn end(self) {
        // A reader that has gone needs no end.
        let _ = self.0.send(Piece::End).await;
    }
}

impl Read for FedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.is_at_end {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.piece = bytes,
                Some(Piece::End) => self.is_at_end = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let n = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut reader: FedReader) -> io::Result<String> {
        let read = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        read.await.unwrap()
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end() {
        let (feeder, reader) = feed();
        let fed = async {
            for i in 0..100 {
                assert!(feeder.feed(Bytes::from(format!("{i},"))).await);
            }
            feeder.end().await;
        };
        let ((), text) = tokio::join!(fed, read(reader));
        assert!(text.unwrap().ends_with("98,99,"));
    }

    #[tokio::test]
    async fn a_body_that_broke_off_is_not_taken_for_a_short_one() {
        let (feeder, reader) = feed();
        feeder.feed(Bytes::from_static(b"a,b\n")).await;
        drop(feeder);
        assert!(read(reader).await.is_err());
    }

    #[tokio::test]
    async fn a_reader_that_has_seen_enough_stops_the_feeder() {
        let (feeder, reader) = feed();
        drop(reader);
        assert!(!feeder.feed(Bytes::from_static(b"a")).await);
    }
}
