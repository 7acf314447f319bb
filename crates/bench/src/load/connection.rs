//! One kept HTTP/1.1 connection: bytes out, status and body in.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An open connection, without pipelining.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where in the buffer the last answer's body lies.
    body: std::ops::Range<usize>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        // A request is written in one piece; there is nothing to wait for.
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(8_192),
            body: 0..0,
        })
    }

    /// Sends a whole request and reads the whole answer; returns its status.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.more().await?;
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
        };
        let end = head.body_at + head.length;
        while self.buffer.len() < end {
            self.more().await?;
        }
        self.body = head.body_at..end;
        Ok(head.status)
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.buffer[self.body.clone()]
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        let n = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(n > 0, "the connection was closed");
        Ok(())
    }
}

struct Head {
    status: u16,
    body_at: usize,
    length: usize,
}

/// The head of an answer, if it is there whole.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("the head of an answer")?;
    let status = text
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("an answer begins with {text:.40}"))?;
    let length = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse().ok())
        .context("an answer without Content-Length")?;
    Ok(Some(Head {
        status,
        body_at: end + 4,
        length,
    }))
}

/// GETs a path over a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut connection = Connection::open(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let status = connection.exchange(request.as_bytes()).await?;
    Ok((status, connection.body().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\nx: y\r\n\r\nhello";
        let read = head(answer).unwrap().unwrap();
        assert_eq!((read.status, read.length), (201, 5));
        assert_eq!(&answer[read.body_at..], b"hello");
        assert!(head(&answer[..30]).unwrap().is_none());
        assert!(head(b"HTTP/1.1 204 No Content\r\n\r\n").is_err());
    }
}
