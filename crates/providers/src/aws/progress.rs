//! How far a call got: what tells a failure before sending from a lost answer.

use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// How far a call got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Not to the network: there are no credentials, or the endpoint is not known.
    Nothing,
    /// A connection was asked for and there was none.
    Network,
    /// There was a connection, so bytes may have been sent.
    Connection,
}

/// Watches one call. Its errors alone do not tell a refused connection from one that was reset
/// after the request: both are input and output errors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<OnceLock<Option<CaptureSmithyConnection>>>);

impl Progress {
    /// How far the call got, after it has ended.
    pub fn reached(&self) -> Reached {
        match self.0.get() {
            None => Reached::Nothing,
            Some(Some(capture)) if capture.get().is_none() => Reached::Network,
            // Where the SDK captures no connection, nothing is proven.
            Some(_) => Reached::Connection,
        }
    }
}

impl Intercept for Progress {
    fn name(&self) -> &'static str {
        "Progress"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Set once: with retries off there is one transmission to a call.
        self.0
            .get_or_init(|| bag.load::<CaptureSmithyConnection>().cloned());
        Ok(())
    }
}

#[cfg(test)]
impl Progress {
    /// That of a call whose connection nobody captured, which passes for one that had it.
    pub fn connected() -> Self {
        Self(Arc::new(OnceLock::from(None)))
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::connection::ConnectionMetadata;

    use super::*;

    #[test]
    fn only_a_capture_without_a_connection_proves_that_nothing_was_sent() {
        let progress = Progress::default();
        assert_eq!(progress.reached(), Reached::Nothing);
        let capture = CaptureSmithyConnection::new();
        progress.0.set(Some(capture.clone())).unwrap();
        assert_eq!(progress.reached(), Reached::Network);
        capture.set_connection_retriever(|| {
            let connection = ConnectionMetadata::builder().proxied(false);
            Some(connection.poison_fn(|| {}).build())
        });
        assert_eq!(progress.reached(), Reached::Connection);
        assert_eq!(Progress::connected().reached(), Reached::Connection);
    }
}
