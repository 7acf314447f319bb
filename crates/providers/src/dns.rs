//! Asks DNS what the check of a sender's domain has to know. What the answers mean is decided in
//! [`carillon_core::sender_domain`].

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use carillon_core::sender_domain::{
    Answer, COMMON_SELECTORS, Records, Selected, SenderDomain, names_to_follow,
};
use futures::future::{join, join_all, join4};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};

/// One question is given up after this time.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// A datagram may be lost: one try takes at most this long.
const ONE_TRY: Duration = Duration::from_secs(2);

/// The most names an SPF record is followed to. A usable one leads to ten at most.
const MOST_FOLLOWED: usize = 20;

/// A resolver.
pub struct Dns {
    resolver: TokioResolver,
}

/// Why there is no resolver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system's resolver cannot be used: {0}; give the address of another")]
pub struct NoResolver(String);

impl Dns {
    /// The resolver that the system is configured with.
    ///
    /// # Errors
    /// When it is not configured, or so that it cannot be read.
    pub fn system() -> Result<Self, NoResolver> {
        let builder = TokioResolver::builder_tokio().map_err(|error| no_resolver(&error))?;
        Self::built(builder)
    }

    /// The resolver at an address.
    ///
    /// # Errors
    /// When it cannot be set up; it is not asked anything yet.
    pub fn at(address: SocketAddr) -> Result<Self, NoResolver> {
        let mut server = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut server.connections {
            connection.port = address.port();
        }
        let config = ResolverConfig::from_name_servers(vec![server]);
        let provider = TokioRuntimeProvider::default();
        Self::built(TokioResolver::builder_with_config(config, provider))
    }

    fn built(
        mut builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>,
    ) -> Result<Self, NoResolver> {
        let options = builder.options_mut();
        options.timeout = ONE_TRY;
        options.attempts = 2;
        // Keys are longer than the 512 bytes of a plain answer.
        options.edns0 = true;
        // What the machine believes of a name is not what receivers see.
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(|error| no_resolver(&error))?;
        Ok(Self { resolver })
    }

    /// Everything the check of a domain needs: besides the selectors that are given, common ones
    /// are tried. Takes a few times the five seconds of one question at most.
    pub async fn records(&self, domain: &SenderDomain, selectors: &[String]) -> Records {
        let dmarc_names = domain.dmarc_names();
        let common = COMMON_SELECTORS
            .iter()
            .filter(|c| !selectors.iter().any(|s| s == *c));
        let selectors = selectors
            .iter()
            .map(|selector| (selector.as_str(), true))
            .chain(common.map(|selector| (*selector, false)));
        let dkim = join_all(selectors.map(|(selector, asked_for)| async move {
            Selected {
                selector: selector.to_owned(),
                asked_for,
                txt: self.txt(&domain.dkim_name(selector)).await,
            }
        }));
        let dmarc = join_all(dmarc_names.into_iter().map(|name| async move {
            let answer = self.txt(&name).await;
            (name, answer)
        }));
        let replies = join(
            self.ask(domain.as_str(), RecordType::MX),
            self.addresses(domain.as_str()),
        );
        let (txt, dkim, dmarc, (mx, addresses)) =
            join4(self.spf(domain.as_str()), dkim, dmarc, replies).await;
        Records {
            domain: domain.clone(),
            txt,
            dkim,
            dmarc,
            mx,
            addresses,
        }
    }

    /// The TXT records at the domain and, step by step, at all names that SPF leads to.
    async fn spf(&self, domain: &str) -> BTreeMap<String, Answer> {
        let mut answers = BTreeMap::new();
        let mut asking = BTreeSet::from([domain.to_owned()]);
        while !asking.is_empty() && answers.len() < MOST_FOLLOWED {
            let names: Vec<String> = asking.into_iter().collect();
            let found = join_all(names.iter().map(|name| self.txt(name))).await;
            let next: BTreeSet<String> = found.iter().flat_map(names_to_follow).collect();
            answers.extend(names.into_iter().zip(found));
            // One record may name hundreds of others.
            asking = next
                .into_iter()
                .filter(|name| !answers.contains_key(name))
                .take(MOST_FOLLOWED - answers.len())
                .collect();
        }
        answers
    }

    async fn txt(&self, name: &str) -> Answer {
        self.ask(name, RecordType::TXT).await
    }

    /// IPv4 and IPv6 as one.
    async fn addresses(&self, name: &str) -> Answer {
        match join(
            self.ask(name, RecordType::A),
            self.ask(name, RecordType::AAAA),
        )
        .await
        {
            (Answer::Found(four), six) => Answer::Found([&four, six.found()].concat()),
            (_, Answer::Found(six)) => Answer::Found(six),
            (Answer::Failed(why), _) | (_, Answer::Failed(why)) => Answer::Failed(why),
            (Answer::None, Answer::None) => Answer::None,
        }
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Answer {
        // With the dot at its end no search domain of this machine is put after it.
        let asked = self.resolver.lookup(format!("{name}."), kind);
        match tokio::time::timeout(ANSWERS_WITHIN, asked).await {
            Err(_) => Answer::Failed(format!("none within {} s", ANSWERS_WITHIN.as_secs())),
            Ok(Err(error)) => failed(&error),
            Ok(Ok(lookup)) => {
                let records: Vec<String> = lookup
                    .answers()
                    .iter()
                    .filter_map(|record| text(&record.data))
                    .collect();
                // An alias that leads nowhere is answered without a record of the kind.
                if records.is_empty() {
                    Answer::None
                } else {
                    Answer::Found(records)
                }
            }
        }
    }
}

fn no_resolver(error: &NetError) -> NoResolver {
    NoResolver(error.to_string())
}

fn failed(error: &NetError) -> Answer {
    match error {
        error if error.is_no_records_found() => Answer::None,
        NetError::Dns(DnsError::ResponseCode(code)) => Answer::Failed(format!("it said {code}")),
        NetError::Timeout => Answer::Failed(format!("none within {} s", ONE_TRY.as_secs())),
        NetError::NoConnections => Answer::Failed("no resolver can be reached".to_owned()),
        // Others may name the question, which is no secret: a domain and a kind of record.
        error => Answer::Failed(error.to_string()),
    }
}

/// A record as one text; none for kinds that were not asked for, such as the alias on the way.
fn text(data: &RData) -> Option<String> {
    match data {
        // A long text is cut into strings of 255 bytes, which belong together without a space.
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        RData::MX(mx) => {
            let host = mx.exchange.to_string();
            let host = if host == "." {
                host.as_str()
            } else {
                host.trim_end_matches('.')
            };
            Some(format!("{} {host}", mx.preference))
        }
        RData::A(address) => Some(address.to_string()),
        RData::AAAA(address) => Some(address.to_string()),
        _ => None,
    }
}
