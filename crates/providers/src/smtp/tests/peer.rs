//! A server's end of a connection, led by the test.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::PATIENT;

/// A port on which nobody answers but the test.
pub(super) struct Port(TcpListener);

impl Port {
    pub(super) async fn open() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self(listener), port)
    }

    pub(super) async fn accept(&self) -> Peer {
        let accepted = timeout(PATIENT, self.0.accept()).await;
        let (stream, _) = accepted.expect("the client connects").unwrap();
        Peer(BufReader::new(stream))
    }

    /// The next connection, with the greeting and EHLO behind it.
    pub(super) async fn greeted(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.say("220 mail.example").await;
        peer.hear("EHLO").await;
        peer.say("250 mail.example").await;
        peer
    }
}

/// The server's end. Dropping it with unread input resets the connection.
pub(super) struct Peer(BufReader<TcpStream>);

impl Peer {
    pub(super) async fn say(&mut self, answer: impl AsRef<[u8]>) {
        let answer = [answer.as_ref(), b"\r\n"].concat();
        self.0.write_all(&answer).await.unwrap();
    }

    /// Reads a line, which must be this command.
    pub(super) async fn hear(&mut self, command: &str) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        let read = timeout(PATIENT, read).await;
        read.expect("the client says something").unwrap();
        assert!(line.starts_with(command), "{line:?} is not {command}");
        line
    }

    /// Takes the sender and the recipient, and lets the client go ahead.
    pub(super) async fn go_ahead(&mut self) {
        for command in ["MAIL", "RCPT"] {
            self.hear(command).await;
            self.say("250 OK").await;
        }
        self.hear("DATA").await;
        self.say("354 go ahead").await;
    }

    /// Reads a message up to the line that ends it.
    pub(super) async fn message(&mut self) -> String {
        let mut message = String::new();
        while !message.ends_with("\r\n.\r\n") {
            let n = self.0.read_line(&mut message).await.unwrap();
            assert!(n > 0, "the client hung up in the middle of a message");
        }
        message
    }

    /// Takes one whole message.
    pub(super) async fn take(&mut self) -> String {
        self.go_ahead().await;
        let message = self.message().await;
        self.say("250 OK").await;
        message
    }

    /// What comes until the client hangs up.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends it as well.
        let _ = self.0.read_to_end(&mut rest).await;
        rest
    }
}
