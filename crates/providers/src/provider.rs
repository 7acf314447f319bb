//! What every provider can do.

use carillon_core::attempt::Outcome;
use futures::future::BoxFuture;

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

    /// Hands the message over. Failures are outcomes, not errors, and their details hold no
    /// personal data.
    ///
    /// Dropping the future leaves it open whether the provider has the message: treat that like
    /// [`Outcome::Ambiguous`].
    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome>;
}

impl<P: Provider + ?Sized> Provider for std::sync::Arc<P> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn has_receipts(&self) -> bool {
        (**self).has_receipts()
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
        (**self).send(message)
    }
}
