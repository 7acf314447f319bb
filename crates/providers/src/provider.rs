//! What every provider can do.

use carillon_core::attempt::Outcome;
use carillon_core::provider::ProviderKind;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::outgoing::OutgoingMessage;

/// One provider account of one channel.
///
/// Implementations make exactly one call for one [`send`](Self::send) and finish within the
/// timeout they were built with.
pub trait Provider: Send + Sync {
    /// The provider's name: in the database, in metrics, in receipts.
    fn name(&self) -> &str;

    /// Whether it reports what became of a message. Without receipts a message that was handed
    /// over is `sent`, and stays so.
    fn has_receipts(&self) -> bool;

    /// The kind under whose name its receipts come, where they name the provider's reference and
    /// not our id: the reference must then be kept for them.
    fn reports_by_reference(&self) -> Option<ProviderKind> {
        None
    }

    /// Hands the message over. Failures are outcomes, not errors, and their details hold no
    /// personal data.
    ///
    /// Dropping the future leaves it open whether the provider has the message: treat that like
    /// [`Outcome::Ambiguous`].
    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome>;

    /// Reaches the provider and logs in, but sends nothing: for `carillon doctor`.
    fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>>;

    /// How many messages the account may send in a second, where the provider can be asked for it.
    /// None when it cannot, or does not answer.
    fn allowed_rate(&self) -> BoxFuture<'_, Option<f64>> {
        ready(None).boxed()
    }
}

/// Why a provider cannot be used now. Holds no secret and no personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unreachable {
    /// What went wrong.
    pub what: String,
    /// What an operator can do about it.
    pub advice: String,
}

/// Why a provider's client cannot be built. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The sandbox's base URL cannot be read or cannot carry a path.
    #[error("{url:?} is not the sandbox's base URL")]
    Url {
        /// What was configured.
        url: String,
    },
    /// The HTTP client cannot be built.
    #[error("building the HTTP client")]
    Client(#[from] reqwest::Error),
    /// The certificate authorities given for a mail server cannot be read, or TLS cannot be set up.
    #[error("TLS to the mail server cannot be set up: {0}")]
    Tls(String),
    /// Neither the settings nor the environment say in which AWS region the account is.
    #[error("no AWS region: set the provider's region, or AWS_REGION")]
    NoRegion,
    /// The spec holds credentials of another kind of provider.
    #[error("the credentials are not of this kind of provider")]
    Credentials,
}

impl<P: Provider + ?Sized> Provider for std::sync::Arc<P> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn has_receipts(&self) -> bool {
        (**self).has_receipts()
    }

    fn reports_by_reference(&self) -> Option<ProviderKind> {
        (**self).reports_by_reference()
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
        (**self).send(message)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
        (**self).probe()
    }

    fn allowed_rate(&self) -> BoxFuture<'_, Option<f64>> {
        (**self).allowed_rate()
    }
}

impl<P: Provider + ?Sized> Provider for Box<P> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn has_receipts(&self) -> bool {
        (**self).has_receipts()
    }

    fn reports_by_reference(&self) -> Option<ProviderKind> {
        (**self).reports_by_reference()
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
        (**self).send(message)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
        (**self).probe()
    }

    fn allowed_rate(&self) -> BoxFuture<'_, Option<f64>> {
        (**self).allowed_rate()
    }
}
