//! Outbound HTTP clients: the only place that builds them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, redirect, retry};

/// An idle connection is given up before servers and balancers customarily close it (60 s and
/// more): a request that races with a closing connection has an ambiguous outcome.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Whom a client talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Providers on the internet: TLS checked against the system's roots, proxies of the
    /// environment honoured.
    Internet,
    /// A process of our own over plain HTTP: no roots are loaded and no proxy is asked.
    Neighbour,
}

/// A client with a keep-alive pool.
///
/// It follows no redirects (a provider that answers with one is misconfigured, and a POST must not
/// turn into a GET elsewhere) and never repeats a request.
///
/// # Errors
/// When TLS cannot be set up, such as on a machine without root certificates.
pub fn client(target: Target, connect_timeout: Duration) -> Result<Client, reqwest::Error> {
    let builder = builder(connect_timeout).pool_max_idle_per_host(256);
    match target {
        Target::Internet => builder.build(),
        Target::Neighbour => builder.http1_only().no_proxy().tls_certs_only([]).build(),
    }
}

/// A client for URLs that others have chosen: names are resolved by `resolver` alone, and no proxy
/// of the environment does it instead. The caller vets hosts that are addresses, for which no
/// resolver is asked.
///
/// It speaks HTTP/1 only: a call that times out then takes its connection with it, where a wedged
/// HTTP/2 connection would stay in the pool and fail every call after it.
///
/// # Errors
/// As [`client`].
pub(crate) fn guarded_client(
    resolver: Arc<dyn Resolve>,
    connect_timeout: Duration,
) -> Result<Client, reqwest::Error> {
    builder(connect_timeout)
        .pool_max_idle_per_host(16)
        .http1_only()
        .no_proxy()
        .dns_resolver(resolver)
        .build()
}

fn builder(connect_timeout: Duration) -> ClientBuilder {
    Client::builder()
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .tcp_nodelay(true)
        .tls_backend_rustls()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_client_can_be_built() {
        for target in [Target::Internet, Target::Neighbour] {
            let client = client(target, Duration::from_secs(1));
            assert!(client.is_ok(), "{target:?}: {client:?}");
        }
    }
}
