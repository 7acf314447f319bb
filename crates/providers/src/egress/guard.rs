//! The resolver of the client that calls URLs of others.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{EgressPolicy, Lookup, Refusal};

/// Vets the addresses of a name at each connect. Addresses in URLs never come here: they are vetted
/// with the URL.
pub(crate) struct Guard {
    policy: EgressPolicy,
    lookup: Arc<dyn Lookup>,
}

impl Guard {
    pub(crate) fn new(policy: EgressPolicy, lookup: Arc<dyn Lookup>) -> Self {
        Self { policy, lookup }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let mut name = name.as_str().to_owned();
        // With the dot at its end no search domain of this machine is put after it.
        if !self.policy.allow_private && !name.ends_with('.') {
            name.push('.');
        }
        let (policy, found) = (self.policy, self.lookup.addresses(name));
        Box::pin(async move {
            let addresses = found.await?;
            // One that is forbidden refuses all: whoever answers so is up to something, or wrong.
            if let Some(kind) = addresses
                .iter()
                .find_map(|address| policy.forbids(*address))
            {
                return Err(Refusal::Resolved(kind).into());
            }
            // Port 0 stands for the URL's.
            let vetted = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(vetted) as Addrs)
        })
    }
}
