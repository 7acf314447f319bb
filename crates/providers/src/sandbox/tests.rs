//! Every answer a socket can give, and what it means.

use carillon_core::attempt::Blame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn message() -> OutgoingMessage {
    OutgoingMessage {
        id: NotificationId::mint(),
        attempt: 2,
        recipient: "amala@example.com".into(),
        content: Content::Email {
            from_name: "Clinic".into(),
            from_address: "clinic@example.com".into(),
            reply_to: None,
            subject: "Hello".into(),
            text: "See you \"soon\"".into(),
            html: String::new(),
        },
        unsubscribe_url: None,
        is_trial: false,
    }
}

/// Reads one whole request: the head, then as many bytes as it announces.
async fn request(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.unwrap();
        assert!(n > 0, "the client closed before its request was complete");
        bytes.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let announced: usize = head
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap();
        if body.len() >= announced {
            return bytes;
        }
    }
}

/// The outcome when the sandbox reads the request, writes `answer` and closes.
async fn outcome_of(answer: &str) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sandbox = Sandbox::new(&url, Duration::from_secs(10)).unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let message = message();
    let (outcome, ()) = tokio::join!(sandbox.send(&message), server);
    outcome
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

fn rejected(detail: &str) -> Outcome {
    Outcome::Rejected {
        detail: detail.into(),
    }
}

fn failed(detail: &str) -> Outcome {
    Outcome::Failed {
        detail: detail.into(),
        blame: Blame::Provider,
    }
}

fn ambiguous(detail: &str) -> Outcome {
    Outcome::Ambiguous {
        detail: detail.into(),
    }
}

fn throttled(millis: u64) -> Outcome {
    Outcome::Throttled {
        after: Duration::from_millis(millis),
    }
}

#[tokio::test]
async fn every_answer_has_its_outcome() {
    let unreadable = || ambiguous("the answer is unreadable");
    let lost = || ambiguous("connection lost before the answer");
    let table = [
        (
            answer("200 OK", "", r#"{"reference":"r-1"}"#),
            Outcome::Accepted {
                reference: "r-1".into(),
            },
        ),
        (answer("200 OK", "", "{}"), unreadable()),
        (answer("200 OK", "", "<html>"), unreadable()),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"refer".into(),
            unreadable(),
        ),
        (
            answer("400 Bad Request", "", r#"{"error":"rejected-recipient"}"#),
            rejected("status 400: rejected-recipient"),
        ),
        (
            answer(
                "400 Bad Request",
                "",
                r#"{"error":"no amala@example.com here"}"#,
            ),
            rejected("status 400"),
        ),
        (
            answer("422 Unprocessable Entity", "", ""),
            rejected("status 422"),
        ),
        (
            answer("429 Too Many Requests", "retry-after: 2\r\n", ""),
            throttled(2_000),
        ),
        (
            answer(
                "429 Too Many Requests",
                "retry-after: 1\r\nretry-after-ms: 12.5\r\n",
                "",
            ),
            Outcome::Throttled {
                after: Duration::from_micros(12_500),
            },
        ),
        (answer("429 Too Many Requests", "", ""), throttled(1_000)),
        (
            answer("429 Too Many Requests", "retry-after: -3\r\n", ""),
            throttled(1_000),
        ),
        (
            answer("500 Internal Server Error", "", "amala"),
            failed("status 500"),
        ),
        (
            answer("503 Service Unavailable", "", ""),
            failed("status 503"),
        ),
        (
            answer("302 Found", "location: /elsewhere\r\n", ""),
            failed("status 302"),
        ),
        (answer("404 Not Found", "", ""), failed("status 404")),
        (
            answer("401 Unauthorized", "", ""),
            Outcome::Failed {
                detail: "status 401".into(),
                blame: Blame::Account,
            },
        ),
        (String::new(), lost()),
        ("HTTP/1.1 20".into(), lost()),
    ];
    for (answer, expected) in table {
        assert_eq!(outcome_of(&answer).await, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_reset_after_the_request_is_ambiguous() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = Sandbox::new(&url, Duration::from_secs(10)).unwrap();
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        // Closing with unread bytes makes the kernel answer with a reset.
        drop(stream);
    };
    let message = message();
    let (outcome, ()) = tokio::join!(sandbox.send(&message), server);
    assert_eq!(outcome, ambiguous("connection lost before the answer"));
}

#[tokio::test]
async fn silence_is_ambiguous_once_the_deadline_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = Sandbox::new(&url, Duration::from_millis(200)).unwrap();
    // The kernel completes the connection from its backlog; nobody ever reads from it.
    assert_eq!(
        sandbox.send(&message()).await,
        ambiguous("no answer in time")
    );
}

#[tokio::test]
async fn a_refused_connection_is_a_failure_and_not_ambiguous() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let sandbox = Sandbox::new(&url, Duration::from_secs(10)).unwrap();
    assert_eq!(sandbox.send(&message()).await, failed("no connection"));
}

#[tokio::test]
async fn the_request_carries_the_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = Sandbox::new(&url, Duration::from_secs(10)).unwrap();
    let message = message();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let bytes = request(&mut stream).await;
        stream
            .write_all(answer("503 Busy", "", "").as_bytes())
            .await
            .unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let (_, request) = tokio::join!(sandbox.send(&message), server);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /send HTTP/1.1\r\n"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "id": message.id, "attempt": 2, "channel": "email",
            "recipient": "amala@example.com", "sender": "Clinic <clinic@example.com>",
            "subject": "Hello", "body": "See you \"soon\"",
        })
    );
}

#[test]
fn what_is_no_base_url_is_refused() {
    for url in ["", "localhost:1", "ftp://host", "http://"] {
        assert!(matches!(
            Sandbox::new(url, Duration::from_secs(1)),
            Err(SetupError::Url { .. })
        ));
    }
}
