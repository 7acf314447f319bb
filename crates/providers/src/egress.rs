//! Where a URL that somebody else chose may lead: to the internet, and nowhere else.
//!
//! It is checked twice. [`vet_url`] reads the URL when it is saved and again before each call; the
//! client's resolver vets the addresses of its host at each connect and hands over exactly those
//! it has vetted, so a name whose answer changes in between gains nothing.

mod guard;
mod lookup;
mod range;
mod refusal;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use lookup::NoSystemResolver;
pub use refusal::Refusal;
use reqwest::Url;
use url::Host;

pub(crate) use guard::Guard;
#[cfg(test)]
pub(crate) use lookup::NoAddress;
pub(crate) use lookup::{Lookup, SystemLookup};
use range::Opening;

/// The longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 2_000;

/// Ports below this belong to services that are not HTTP, but for the two of HTTP.
const FIRST_FREE_PORT: u16 = 1_024;

/// Suffixes of names that mean something only inside a network.
const INSIDE: [&str; 9] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "corp",
    "home",
    "home.arpa",
];

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EgressPolicy {
    /// Also the networks of one's own (loopback, private, names without a dot), plain HTTP and
    /// every port. Link-local addresses, which lead to the cloud's metadata, stay closed.
    pub allow_private: bool,
}

impl EgressPolicy {
    /// What kind of address this is, when nobody is to connect to it.
    #[must_use]
    pub fn forbids(self, address: IpAddr) -> Option<&'static str> {
        let range = range::forbidden(address)?;
        let is_open = self.allow_private && range.opening == Opening::WithPrivate;
        (!is_open).then_some(range.name)
    }
}

/// Reads a URL that may be called. Save and show the URL that is returned: it is written in the one
/// way in which it is understood.
///
/// # Errors
/// The first rule that it breaks, in words for whoever chose it.
pub fn vet_url(text: &str, policy: EgressPolicy) -> Result<Url, Refusal> {
    if text.len() > MAX_URL_BYTES {
        return Err(Refusal::TooLong);
    }
    // The parser would leave these out, or take the one for the other, without a word.
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(Refusal::Malformed);
    }
    let url = Url::parse(text).map_err(|_| Refusal::Malformed)?;
    if !(url.scheme() == "https" || (policy.allow_private && url.scheme() == "http")) {
        return Err(Refusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    if url.fragment().is_some() {
        return Err(Refusal::Fragment);
    }
    vet_host(&url.host().ok_or(Refusal::Malformed)?, policy)?;
    vet_port(url.port_or_known_default(), policy)?;
    Ok(url)
}

fn vet_host(host: &Host<&str>, policy: EgressPolicy) -> Result<(), Refusal> {
    let address = match host {
        Host::Domain(name) if policy.allow_private || !is_inside(name) => return Ok(()),
        Host::Domain(_) => return Err(Refusal::InsideName),
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address),
    };
    policy
        .forbids(address)
        .map_or(Ok(()), |kind| Err(Refusal::Address(kind)))
}

/// Whether a name, as the parser writes it, is one of the inside.
fn is_inside(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    !name.contains('.')
        || INSIDE.iter().any(|suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|rest| rest.ends_with('.'))
        })
}

fn vet_port(port: Option<u16>, policy: EgressPolicy) -> Result<(), Refusal> {
    match port {
        Some(0) | None => Err(Refusal::Port),
        Some(443 | FIRST_FREE_PORT..) => Ok(()),
        Some(_) if policy.allow_private => Ok(()),
        Some(_) => Err(Refusal::Port),
    }
}
