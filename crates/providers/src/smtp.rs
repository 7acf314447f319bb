//! A mail server as a provider: one connection per message at a time, kept for the next one.
//!
//! The dialogue is held step by step, because what a failure means depends on how far it had come.
//! Until the line that ends the message is written, the server cannot have it: a lost connection is
//! a failure. From then until the answer it may have it: a lost connection is ambiguous.

mod answer;
mod ascii;
mod connection;
mod dial;
mod fault;
mod limits;
mod pool;
#[cfg(test)]
mod tests;
mod tls;

use std::time::Duration;

use carillon_core::attempt::Outcome;
use carillon_core::provider::{SmtpLogin, SmtpSettings};
use futures::FutureExt;
use futures::future::BoxFuture;
use lettre::address::Envelope;
use lettre::message::header::MessageId;

use self::connection::{Connection, Handed};
use self::dial::Dial;
use self::fault::Fault;
use self::limits::Limits;
use self::pool::Pool;
use crate::mime::mime;
use crate::outgoing::OutgoingMessage;
use crate::provider::{Provider, SetupError, Unreachable};

/// How long a message waits that found every connection in use.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// Sends through a mail server.
pub struct Smtp {
    name: String,
    dial: Dial,
    pool: Pool,
    timeout: Duration,
}

impl Smtp {
    /// A client of the server in the settings, under the provider's `name`. Nothing is connected
    /// yet. `timeout` bounds a whole call, waiting for one of the connections included.
    ///
    /// # Errors
    /// When the certificate authorities cannot be read, this machine has none, or a login would be
    /// sent without TLS.
    pub fn new(
        name: &str,
        settings: &SmtpSettings,
        login: Option<&SmtpLogin>,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            name: name.to_owned(),
            dial: Dial::new(settings, login)?,
            pool: Pool::new(settings.max_connections),
            timeout,
        })
    }

    async fn call(&self, message: &OutgoingMessage) -> Outcome {
        let mail = match mime(message) {
            Ok(mail) => mail,
            Err(error) => {
                return Outcome::Rejected {
                    detail: error.to_string(),
                };
            }
        };
        let limits = Limits::of(self.timeout);
        let Some(_turn) = self.pool.turn(limits.turn()).await else {
            return Outcome::Throttled { after: BUSY_FOR };
        };
        let bytes = mail.formatted();
        let agreed = self.agree(mail.envelope(), bytes.is_ascii(), &limits).await;
        let mut connection = match agreed {
            Ok(connection) => connection,
            Err(fault) => return fault.outcome(),
        };
        match connection.hand_over(&bytes, &limits).await {
            Handed::Over => {
                self.pool.put(connection);
                Outcome::Accepted {
                    reference: reference(&mail),
                }
            }
            Handed::Not(fault) => {
                // The refused message is over, so the next one may follow.
                if fault.leaves_the_connection() {
                    self.pool.put(connection);
                }
                fault.outcome()
            }
            Handed::Unknown { what } => Outcome::Ambiguous {
                detail: what.to_owned(),
            },
        }
    }

    /// A connection over which the server waits for this message.
    async fn agree(
        &self,
        envelope: &Envelope,
        is_ascii: bool,
        limits: &Limits,
    ) -> Result<Connection, Fault> {
        if let Some(kept) = self.pool.take() {
            let agreed = self.announce(kept, envelope, is_ascii, limits).await;
            // Servers close idle connections when they like; the message is not to blame.
            if !agreed.as_ref().is_err_and(Fault::is_staleness) {
                return agreed;
            }
        }
        let fresh = self.dial.connect(limits).await?;
        self.announce(fresh, envelope, is_ascii, limits).await
    }

    async fn announce(
        &self,
        mut connection: Connection,
        envelope: &Envelope,
        is_ascii: bool,
        limits: &Limits,
    ) -> Result<Connection, Fault> {
        match connection.announce(envelope, is_ascii, limits).await {
            Ok(()) => Ok(connection),
            Err(fault) => {
                if fault.leaves_the_connection() && connection.reset(limits).await.is_ok() {
                    self.pool.put(connection);
                }
                Err(fault)
            }
        }
    }

    async fn reach(&self) -> Result<(), Fault> {
        let limits = Limits::of(self.timeout);
        let mut connection = self.dial.connect(&limits).await?;
        connection.ask(&limits).await?;
        // Whether it says goodbye makes no difference.
        let _ = connection.quit(&limits).await;
        Ok(())
    }
}

/// The `Message-ID`, which is all that the message can be found by in the server's log.
fn reference(mail: &lettre::Message) -> String {
    let id = mail.headers().get::<MessageId>();
    let id = id.as_ref().map(AsRef::as_ref).unwrap_or_default();
    id.trim_matches(['<', '>']).to_owned()
}

impl Provider for Smtp {
    fn name(&self) -> &str {
        &self.name
    }

    fn has_receipts(&self) -> bool {
        false
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
        self.call(message).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
        async { self.reach().await.map_err(|fault| fault.unreachable()) }.boxed()
    }
}
