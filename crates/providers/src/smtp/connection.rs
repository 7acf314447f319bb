//! One connection, and what is said over it about one message.

use std::fmt::Display;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};

use lettre::address::Envelope;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Noop, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::time::timeout_at;

use super::answer::Stage;
use super::fault::Fault;
use super::limits::Limits;

/// A connection over which the server has greeted us and, if so configured, let us in.
///
/// Dropping it closes it at once. That is the only safe way to leave it in the middle of a
/// message: whatever else was written would be read as more of the message.
pub(super) struct Connection(AsyncSmtpConnection);

/// How handing over the message itself ended.
pub(super) enum Handed {
    /// The server has it.
    Over,
    /// The server does not have it.
    Not(Fault),
    /// Its end was written, and then no answer came that tells.
    Unknown {
        /// What came instead.
        what: &'static str,
    },
}

impl Connection {
    pub(super) const fn new(smtp: AsyncSmtpConnection) -> Self {
        Self(smtp)
    }

    /// Names the sender and the recipient and asks to send, up to the server's "go ahead".
    pub(super) async fn announce(
        &mut self,
        envelope: &Envelope,
        is_ascii: bool,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let mut parameters = Vec::new();
        if !is_ascii {
            let server = self.0.server_info();
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err(Fault::AsciiOnly);
            }
            parameters.push(MailParameter::SmtpUtfEight);
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let mail = Mail::new(envelope.from().cloned(), parameters);
        self.done(Stage::Sender, mail, limits).await?;
        for recipient in envelope.to() {
            let rcpt = Rcpt::new(recipient.clone(), Vec::new());
            self.done(Stage::Recipient, rcpt, limits).await?;
        }
        let answer = self.command(Stage::Data, Data, limits).await?;
        // Anything else means that answers and commands have come apart.
        if answer.has_code(354) {
            Ok(())
        } else {
            Err(Fault::Lost(Stage::Data))
        }
    }

    /// Writes the message and waits for the answer until the deadline.
    pub(super) async fn hand_over(&mut self, message: &[u8], limits: &Limits) -> Handed {
        // The client asks for a further part once all of the message is written, and only then
        // writes the line that ends it. Before that the server cannot have a whole message.
        let is_whole = AtomicBool::new(false);
        let end = iter::from_fn(|| {
            is_whole.store(true, Ordering::Relaxed);
            None
        });
        // The client ends the last line itself.
        let message = message.strip_suffix(b"\r\n").unwrap_or(message);
        let handing = self.0.message_iter(iter::once(message).chain(end));
        let ended = timeout_at(limits.deadline(), handing).await;
        let is_whole = is_whole.load(Ordering::Relaxed);
        match ended {
            Ok(Ok(answer)) if is_done(&answer) => Handed::Over,
            Ok(Ok(_)) => Handed::Unknown {
                what: "the answer to the message is none",
            },
            Ok(Err(error)) => match Fault::of(Stage::Message, &error) {
                refused @ Fault::Refused(..) => Handed::Not(refused),
                _ if is_whole => Handed::Unknown {
                    what: "the connection was lost before the answer to the message",
                },
                fault => Handed::Not(fault),
            },
            Err(_) if is_whole => Handed::Unknown {
                what: "no answer to the message in time",
            },
            Err(_) => Handed::Not(Fault::Late(Stage::Message)),
        }
    }

    /// Forgets a message that was announced and refused.
    pub(super) async fn reset(&mut self, limits: &Limits) -> Result<(), Fault> {
        self.done(Stage::Aside, Rset, limits).await
    }

    /// Asks for any answer at all.
    pub(super) async fn ask(&mut self, limits: &Limits) -> Result<(), Fault> {
        self.done(Stage::Aside, Noop, limits).await
    }

    /// Takes leave.
    pub(super) async fn quit(mut self, limits: &Limits) -> Result<(), Fault> {
        self.done(Stage::Aside, Quit, limits).await
    }

    /// A command that the server must say is done.
    async fn done(
        &mut self,
        stage: Stage,
        command: impl Display,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let answer = self.command(stage, command, limits).await?;
        if is_done(&answer) {
            Ok(())
        } else {
            Err(Fault::Lost(stage))
        }
    }

    async fn command(
        &mut self,
        stage: Stage,
        command: impl Display,
        limits: &Limits,
    ) -> Result<Response, Fault> {
        match timeout_at(limits.step(), self.0.command(command)).await {
            Ok(answer) => answer.map_err(|error| Fault::of(stage, &error)),
            Err(_) => Err(Fault::Late(stage)),
        }
    }
}

fn is_done(answer: &Response) -> bool {
    answer.code().severity == Severity::PositiveCompletion
}
