//! A server that answers HTTP requests as a script says, or breaks off as it says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is answered; the connection stays open for the next.
    Answer {
        /// The status code.
        status: u16,
        /// Headers besides `content-length`.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// It is read, and never answered.
    Hang,
    /// It is read as a whole, then the connection is reset.
    ResetAfterRequest,
    /// The connection is closed before anything is read from it.
    CloseBeforeRequest,
}

impl Step {
    /// An answer with a body of a content type.
    #[must_use]
    pub fn answer(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        Self::Answer {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
        }
    }
}

/// The server, on a port of its own; gone with all its connections when dropped.
#[derive(Debug)]
pub struct WireFault {
    address: SocketAddr,
    script: Arc<Script>,
    /// Ends its task when dropped.
    _listening: JoinSet<()>,
}

#[derive(Debug)]
struct Script {
    steps: Vec<Step>,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    played: usize,
    requests: Vec<String>,
}

impl WireFault {
    /// Starts a server that does to each request, in the order in which they are complete, what the
    /// script's next step says; what its last step says, to all further ones.
    ///
    /// # Panics
    /// When the script is empty or there is no port.
    pub async fn start(steps: impl Into<Vec<Step>>) -> Self {
        let steps = steps.into();
        assert!(!steps.is_empty(), "a script has at least one step");
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("there is a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let script = Arc::new(Script {
            steps,
            progress: Mutex::default(),
        });
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, script.clone()));
        Self {
            address,
            script,
            _listening: listening,
        }
    }

    /// Where it listens, as `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that were read, whole with their heads, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.script.progress().requests.clone()
    }
}

impl Script {
    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The step that is next, without taking it.
    fn upcoming(&self, progress: &Progress) -> Step {
        self.steps[progress.played.min(self.steps.len() - 1)].clone()
    }

    /// Whether the next step is not to read anything; takes it if so.
    fn closes_now(&self) -> bool {
        let mut progress = self.progress();
        let closes = self.upcoming(&progress) == Step::CloseBeforeRequest;
        progress.played += usize::from(closes);
        closes
    }

    /// The step for a request that was read.
    fn next(&self, request: String) -> Step {
        let mut progress = self.progress();
        let step = self.upcoming(&progress);
        progress.played += 1;
        progress.requests.push(request);
        step
    }
}

async fn listen(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, script.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Plays steps on one connection until either side has had enough.
async fn serve(mut stream: TcpStream, script: Arc<Script>) {
    let mut unread = Vec::new();
    while !script.closes_now() {
        let Some(request) = request(&mut stream, &mut unread).await else {
            return;
        };
        match script.next(request) {
            Step::Answer {
                status,
                headers,
                body,
            } => {
                let answer = answer(status, &headers, &body);
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Step::Hang => std::future::pending().await,
            Step::ResetAfterRequest => {
                // Without lingering, closing sends a reset instead of an orderly end.
                let _ = stream.set_zero_linger();
                return;
            }
            Step::CloseBeforeRequest => return,
        }
    }
}

/// Reads one whole request: its head, then as many bytes as it announces; none when the client
/// closes before. What came after it stays in `unread`.
async fn request(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(length) = length(unread) {
            let rest = unread.split_off(length);
            let request = std::mem::replace(unread, rest);
            return Some(String::from_utf8_lossy(&request).into_owned());
        }
        if stream.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    }
}

/// How long the request at the beginning of `bytes` is, once all of it is there.
fn length(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let head = bytes.windows(END.len()).position(|at| at == END)?;
    let announced = String::from_utf8_lossy(&bytes[..head])
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap_or(0));
    let length = head + END.len() + announced;
    (bytes.len() >= length).then_some(length)
}

fn answer(status: u16, headers: &[(&'static str, String)], body: &str) -> String {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    format!("HTTP/1.1 {status} Scripted\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const POST: &[u8] = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";

    /// Sends one request on a connection of its own and reads until the end or an error.
    async fn exchange(server: &WireFault) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(server.address).await?;
        stream.write_all(POST).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"done") {
            if stream.read_buf(&mut answer).await? == 0 {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    #[tokio::test]
    async fn each_request_meets_the_next_step_and_the_last_step_stays() {
        let server = WireFault::start([
            Step::answer(429, "text/plain", "done"),
            Step::ResetAfterRequest,
            Step::CloseBeforeRequest,
        ])
        .await;
        let answered = exchange(&server).await.unwrap();
        assert!(answered.starts_with("HTTP/1.1 429 "), "{answered}");
        let reset = exchange(&server).await.unwrap_err();
        assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
        for _ in 0..2 {
            // Closed with the request unread, which the kernel may report as a reset.
            assert_eq!(exchange(&server).await.unwrap_or_default(), "");
        }
        let post = String::from_utf8_lossy(POST);
        assert_eq!(server.requests(), [post.as_ref(), post.as_ref()]);
    }

    #[tokio::test]
    async fn a_hanging_request_is_read_and_ends_with_the_server() {
        let server = WireFault::start([Step::Hang]).await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(POST).await.unwrap();
        crate::eventually(
            "the request was read",
            Duration::from_secs(10),
            async || (server.requests().len() == 1).then_some(()),
        )
        .await;
        drop(server);
        assert_eq!(stream.read(&mut [0]).await.unwrap_or_default(), 0);
    }
}
