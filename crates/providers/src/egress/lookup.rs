//! Which addresses a name has.

use std::net::IpAddr;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;

/// A datagram may be lost: one try takes at most this long. The call's own deadline bounds all.
const ONE_TRY: Duration = Duration::from_secs(1);

/// The name has no address, or nobody could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host's name has no address")]
pub(crate) struct NoAddress;

/// The system's resolver cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system's resolver cannot be used: {0}")]
pub struct NoSystemResolver(String);

/// Who is asked for the addresses of a name.
pub(crate) trait Lookup: Send + Sync {
    /// All its addresses, of either family; at least one.
    fn addresses(&self, name: String) -> BoxFuture<'static, Result<Vec<IpAddr>, NoAddress>>;
}

/// The resolver that the system is configured with, hosts file and search domains included.
///
/// Asked without threads: however many names nobody answers for, they hold up no other name, and
/// a question ends with the call that needed it. Answers are kept for as long as they say.
pub(crate) struct SystemLookup(TokioResolver);

impl SystemLookup {
    pub(crate) fn new() -> Result<Self, NoSystemResolver> {
        let no_resolver =
            |error: hickory_resolver::net::NetError| NoSystemResolver(error.to_string());
        let mut builder = TokioResolver::builder_tokio().map_err(no_resolver)?;
        let options = builder.options_mut();
        options.timeout = ONE_TRY;
        // Both, so that a forbidden address of one family is not hidden by the other.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        builder.build().map(Self).map_err(no_resolver)
    }
}

impl Lookup for SystemLookup {
    fn addresses(&self, name: String) -> BoxFuture<'static, Result<Vec<IpAddr>, NoAddress>> {
        let resolver = self.0.clone();
        async move {
            let found = resolver.lookup_ip(name).await.map_err(|_| NoAddress)?;
            let addresses: Vec<IpAddr> = found.iter().collect();
            if addresses.is_empty() {
                return Err(NoAddress);
            }
            Ok(addresses)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_systems_resolver_knows_its_own_host() {
        let lookup = SystemLookup::new().unwrap();
        let addresses = lookup.addresses("localhost".to_owned()).await.unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
    }
}
