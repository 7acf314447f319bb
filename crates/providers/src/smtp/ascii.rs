//! What a server says, in letters that the client can read.
//!
//! Answers should be ASCII, and those of older servers often are Latin-1 instead. The client takes
//! an answer that is not UTF-8 for a broken connection, and its code would be lost.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of which every byte outside ASCII is read as `?`. What is written stays as it is.
#[derive(Debug)]
pub(super) struct Ascii<S> {
    stream: S,
    /// Read before what comes from the server.
    first: &'static [u8],
}

impl<S> Ascii<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, first: b"" }
    }

    /// A stream whose server has greeted the client already and does not do it again. The client
    /// begins with reading a greeting, so it is given one.
    pub(super) const fn greeted(stream: S) -> Self {
        Self {
            stream,
            first: b"220 already greeted\r\n",
        }
    }
}

impl<S: AsyncTokioStream> AsyncTokioStream for Ascii<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ascii<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let n = self.first.len().min(buffer.remaining());
            let (now, later) = self.first.split_at(n);
            buffer.put_slice(now);
            self.first = later;
            return Poll::Ready(Ok(()));
        }
        let n_before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        for byte in &mut buffer.filled_mut()[n_before..] {
            if !byte.is_ascii() {
                *byte = b'?';
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ascii<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
