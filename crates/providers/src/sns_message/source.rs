//! Fetching from SNS's own hosts.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::{Client, Url};

use crate::http::{self, Target};
use crate::provider::SetupError;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A certificate has about 2 KiB.
const MOST_BYTES: usize = 16 * 1024;

/// Where certificates and confirmations come from.
pub trait Source: Send + Sync {
    /// The body that an address answers with, if the answer is a success.
    fn get(&self, url: Url) -> BoxFuture<'_, Result<Vec<u8>, NoAnswer>>;
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody answered in time, or the other side is in trouble.
    #[error("no answer in time")]
    Away,
    /// The answer is no success and will stay so.
    #[error("status {0}")]
    Status(u16),
    /// The answer is longer than anything that SNS would send.
    #[error("the answer is too long")]
    TooLong,
}

/// The hosts on the internet, over TLS.
pub struct Internet {
    client: Client,
}

impl Internet {
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new() -> Result<Self, SetupError> {
        Ok(Self {
            client: http::client(Target::Internet, CONNECT_WITHIN)?,
        })
    }

    async fn fetch(&self, url: Url) -> Result<Vec<u8>, NoAnswer> {
        let sent = self.client.get(url).timeout(ANSWER_WITHIN).send().await;
        let mut answer = sent.map_err(|_| NoAnswer::Away)?;
        let status = answer.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(NoAnswer::Away);
        }
        if !status.is_success() {
            return Err(NoAnswer::Status(status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| NoAnswer::Away)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(NoAnswer::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Source for Internet {
    fn get(&self, url: Url) -> BoxFuture<'_, Result<Vec<u8>, NoAnswer>> {
        self.fetch(url).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn answer_to(response: String) -> Result<Vec<u8>, NoAnswer> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            // The client may hang up before it has read everything.
            let _ = stream.write_all(response.as_bytes()).await;
        };
        let source = Internet {
            client: http::client(Target::Neighbour, CONNECT_WITHIN).unwrap(),
        };
        tokio::join!(source.get(url.parse().unwrap()), server).0
    }

    fn response(status: &str, n_bytes: usize) -> String {
        let body = "x".repeat(n_bytes);
        format!("HTTP/1.1 {status}\r\ncontent-length: {n_bytes}\r\nconnection: close\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn only_a_short_success_is_an_answer() {
        for (status, n_bytes, expected) in [
            ("200 OK", MOST_BYTES, Ok(MOST_BYTES)),
            ("200 OK", MOST_BYTES + 1, Err(NoAnswer::TooLong)),
            ("404 Not Found", 1, Err(NoAnswer::Status(404))),
            ("503 Service Unavailable", 1, Err(NoAnswer::Away)),
            ("429 Too Many Requests", 1, Err(NoAnswer::Away)),
            // No redirect is followed.
            (
                "302 Found\r\nlocation: /elsewhere",
                0,
                Err(NoAnswer::Status(302)),
            ),
        ] {
            let answer = answer_to(response(status, n_bytes)).await;
            assert_eq!(
                answer.map(|body| body.len()),
                expected,
                "{status} {n_bytes}"
            );
        }
    }
}
