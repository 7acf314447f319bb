//! The bytes of a request as they come in: unpacked, counted, never held, and not waited for without
//! end.

mod meter;
mod patience;

use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::web::{Bytes, Payload};
use futures::{Stream, StreamExt, stream};

use super::form::Packing;
use super::gunzip::{Gunzip, NotGzip};
use crate::error::NotifyError;
use patience::Patience;

pub(super) use meter::Meter;

/// A body being read, piece by piece.
pub(super) struct Body {
    payload: Payload,
    patience: Patience,
    gunzip: Option<Gunzip>,
    /// What came and is not unpacked yet.
    packed: Bytes,
    /// Bytes given out, unpacked.
    n_bytes: usize,
    limit: usize,
    is_at_end: bool,
}

/// Why a body has no next piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyFault {
    /// More bytes than are taken, once unpacked.
    #[error("more than {0} bytes")]
    TooLarge(usize),
    /// The client sends nothing more, or too slowly.
    #[error("stalled")]
    Stalled,
    /// What stands around the file of a multipart body is longer than is taken.
    #[error("more than {0} bytes around the file")]
    LongFrame(usize),
    /// The connection ended.
    #[error("broken off")]
    BrokenOff,
    /// It was to be gzip.
    #[error("not gzip")]
    NotGzip,
}

impl From<BodyFault> for NotifyError {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(limit) => Self::too_large(limit),
            BodyFault::Stalled => Self::bad_request("The request body did not arrive in time"),
            BodyFault::LongFrame(limit) => Self::bad_request(format!(
                "The parts besides the file are longer than {limit} bytes"
            )),
            BodyFault::BrokenOff => Self::bad_request("The request body broke off"),
            BodyFault::NotGzip => Self::bad_request("The request body is not whole gzip"),
        }
    }
}

impl From<NotGzip> for BodyFault {
    fn from(_: NotGzip) -> Self {
        Self::NotGzip
    }
}

impl Body {
    /// Begins to read a body of at most `limit` bytes, unpacked.
    ///
    /// # Errors
    /// When its length is declared and too large.
    pub(super) fn open(
        request: &HttpRequest,
        payload: Payload,
        packing: Packing,
        limit: usize,
    ) -> Result<Self, BodyFault> {
        let declared = request
            .headers()
            .get("Content-Length")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<usize>().ok());
        if declared.is_some_and(|n| n > limit) {
            return Err(BodyFault::TooLarge(limit));
        }
        Ok(Self {
            payload,
            patience: Patience::default(),
            gunzip: match packing {
                Packing::Gzip => Some(Gunzip::default()),
                Packing::None => None,
            },
            packed: Bytes::new(),
            n_bytes: 0,
            limit,
            is_at_end: false,
        })
    }

    /// The next piece, tens of kilobytes at most; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
        let piece = self.unpacked().await?;
        self.n_bytes += piece.as_ref().map_or(0, Bytes::len);
        if self.n_bytes > self.limit {
            return Err(BodyFault::TooLarge(self.limit));
        }
        Ok(piece)
    }

    async fn unpacked(&mut self) -> Result<Option<Bytes>, BodyFault> {
        while !self.is_at_end {
            if self.packed.is_empty() {
                let came = self.patience.wait_for(self.payload.next()).await;
                match came.ok_or(BodyFault::Stalled)? {
                    Some(bytes) => {
                        self.packed = bytes.map_err(|_| BodyFault::BrokenOff)?;
                        self.patience.came(self.packed.len());
                    }
                    None => self.is_at_end = true,
                }
            }
            let piece = match &mut self.gunzip {
                None => std::mem::take(&mut self.packed),
                Some(gunzip) if self.is_at_end => gunzip.finish()?,
                Some(gunzip) => {
                    // A bomb is many pieces of one packet; others get their turn between them.
                    tokio::task::yield_now().await;
                    gunzip.unpack(&mut self.packed)?
                }
            };
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// The pieces as a stream, and `tail` after them, of which no more is taken than `meter` lets
    /// pass; a fault is wrapped in the error that actix-multipart hands on.
    pub(super) fn into_stream(
        self,
        tail: Bytes,
        meter: Rc<Meter>,
    ) -> impl Stream<Item = Result<Bytes, PayloadError>> + 'static {
        let begun = Some((self, Bytes::new(), meter));
        let pieces = stream::unfold(begun, |body| async {
            let (mut body, mut ready, meter) = body?;
            // The parser takes what is ready before it looks at any of it: one piece at a time.
            tokio::task::yield_now().await;
            let fault = |fault| Some((Err(wrapped(fault)), None));
            if ready.is_empty() {
                match body.next().await {
                    Ok(Some(piece)) => ready = piece,
                    Ok(None) => return None,
                    Err(why) => return fault(why),
                }
            }
            match meter.pass(&mut ready) {
                Ok(piece) => Some((Ok(piece), Some((body, ready, meter)))),
                Err(why) => fault(why),
            }
        });
        pieces.chain(stream::once(async { Ok(tail) })).fuse()
    }
}

fn wrapped(fault: BodyFault) -> PayloadError {
    PayloadError::Io(std::io::Error::other(fault))
}

/// The fault that [`Body::into_stream`] wrapped.
pub(super) fn fault(error: &PayloadError) -> BodyFault {
    match error {
        PayloadError::Io(error) => {
            let inner = error.get_ref();
            let fault = inner.and_then(|inner| inner.downcast_ref::<BodyFault>());
            fault.copied().unwrap_or(BodyFault::BrokenOff)
        }
        _ => BodyFault::BrokenOff,
    }
}

#[cfg(test)]
mod tests;
