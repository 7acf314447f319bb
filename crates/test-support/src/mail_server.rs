//! A mail server to send to: `tests/stand-ins/mail_server.py`.

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::{Environment, Process, eventually, free_port};

/// Longer than Python needs to start on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// The messages' file.
const LOG: &str = "messages.jsonl";

/// A mail server of its own. Killed when dropped.
///
/// It accepts everything but what is sent to these local parts, at any domain: `reject` (550 at
/// RCPT), `reject-data` (554 after the message), `greylist` (451 at RCPT), `busy` (450 4.3.2 at
/// RCPT), `shut` (421 at RCPT), `hang` (no answer after the message) and `reset` (takes the
/// message, then resets the connection instead of answering).
#[derive(Debug)]
pub struct MailServer {
    port: u16,
    process: Process,
    /// Holds the log and the certificates.
    directory: tempfile::TempDir,
}

/// How the server protects its connections, and whom it lets in.
#[derive(Debug, Clone, Copy, Default)]
pub struct MailServerOptions {
    /// TLS of its connections.
    pub tls: MailServerTls,
    /// The user and password without which it takes nothing; none lets everybody send.
    pub login: Option<(&'static str, &'static str)>,
}

/// TLS of the server's connections; its certificate is for `localhost` and `127.0.0.1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MailServerTls {
    /// None at all.
    #[default]
    None,
    /// Nothing is taken before STARTTLS.
    Starttls,
    /// From the first byte.
    Implicit,
}

impl MailServer {
    /// Starts a server and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(options: MailServerOptions) -> Self {
        let directory = tempfile::tempdir().expect("a directory for certificates can be made");
        let port = free_port();
        let mode = match options.tls {
            MailServerTls::None => "none",
            MailServerTls::Starttls => "starttls",
            MailServerTls::Implicit => "implicit",
        };
        let script = Environment::get().stand_ins().join("mail_server.py");
        let log = directory.path().join(LOG);
        let mut arguments: Vec<OsString> = vec![
            script.into(),
            "--smtp".into(),
            port.to_string().into(),
            "--log".into(),
            log.into(),
            "--mode".into(),
            mode.into(),
        ];
        if options.tls != MailServerTls::None {
            arguments.extend(["--make-cert".into(), directory.path().into()]);
        }
        if let Some((user, password)) = options.login {
            let login = ["--user", user, "--password", password];
            arguments.extend(login.map(OsString::from));
        }
        let mut process = Process::start_python("mail-server", arguments);
        eventually("the mail server listens", STARTS_WITHIN, async || {
            assert!(process.is_running(), "the mail server has ended");
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        Self {
            port,
            process,
            directory,
        }
    }

    /// The port, on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The authority that signed its certificate.
    ///
    /// # Panics
    /// When it was started without TLS, and so has none.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        let path = self.directory.path().join("ca.pem");
        fs::read_to_string(path).expect("a server with TLS has written its authority")
    }

    /// Every message it has taken, in order: `from`, `to`, `data`, `smtputf8`, and over which
    /// `connection` it came, with `tls` or without, by whose `login`.
    ///
    /// # Panics
    /// When the log cannot be read.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        // It is made with the first message.
        let log = fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default();
        // A line that is still being written has no end yet.
        let whole = log.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line of the log is JSON"))
            .collect()
    }

    /// Stops it at once, with every connection.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
