//! Who hands mail of the domain over, which decides what its SPF record must allow.

use std::net::IpAddr;

use crate::provider::ProviderSettings;

/// Who hands mail over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Senders {
    /// Amazon SES is among them.
    pub ses: bool,
    /// The mail servers among them: host names or addresses.
    pub mail_servers: Vec<String>,
    /// Further names that the SPF record must include.
    pub includes: Vec<String>,
}

impl Senders {
    /// Those of configured providers.
    #[must_use]
    pub fn of<'a>(providers: impl IntoIterator<Item = &'a ProviderSettings>) -> Self {
        let mut senders = Self::default();
        for provider in providers {
            match provider {
                ProviderSettings::Ses(_) => senders.ses = true,
                ProviderSettings::Smtp(smtp) => senders.mail_servers.push(smtp.host.clone()),
                ProviderSettings::Sandbox | ProviderSettings::Sns(_) => {}
            }
        }
        senders
    }

    /// Whether mail leaves through SES only. SES puts an address of its own into the envelope,
    /// so that its SPF record counts and the domain's does not.
    pub(super) const fn only_ses(&self) -> bool {
        self.ses && self.mail_servers.is_empty() && self.includes.is_empty()
    }

    /// The terms of an SPF record that allows all of them.
    pub(super) fn terms(&self) -> Vec<String> {
        let mut terms: Vec<String> = self
            .includes
            .iter()
            .map(|i| format!("include:{i}"))
            .collect();
        for server in &self.mail_servers {
            match server.parse() {
                // Loopback is no address that a receiver sees.
                Ok(IpAddr::V4(address)) if !address.is_loopback() => {
                    terms.push(format!("ip4:{address}"));
                }
                Ok(IpAddr::V6(address)) if !address.is_loopback() => {
                    terms.push(format!("ip6:{address}"));
                }
                Ok(_) => terms.push("mx".to_owned()),
                Err(_) if !server.contains('.') => terms.push("mx".to_owned()),
                Err(_) => terms.push(format!("a:{server}")),
            }
        }
        if terms.is_empty() {
            terms.push("mx".to_owned());
        }
        terms.dedup();
        terms
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::ProviderKind;

    #[test]
    fn what_spf_must_allow_follows_from_the_providers() {
        let ses = ProviderSettings::read(ProviderKind::Ses, &json!({})).unwrap();
        assert!(Senders::of([&ses]).only_ses());
        let smtp = |host: &str| {
            ProviderSettings::read(ProviderKind::Smtp, &json!({ "host": host })).unwrap()
        };
        let both = Senders::of([&ses, &smtp("mail.example.org")]);
        assert!(!both.only_ses());
        assert_eq!(both.terms(), ["a:mail.example.org"]);
        for (host, term) in [
            ("192.0.2.7", "ip4:192.0.2.7"),
            ("127.0.0.1", "mx"),
            ("::1", "mx"),
        ] {
            assert_eq!(Senders::of([&smtp(host)]).terms(), [term]);
        }
    }
}
