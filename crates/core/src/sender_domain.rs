//! Whether mail from a domain will be believed: what its SPF, DKIM and DMARC records say, and
//! whether answers find their way.
//!
//! [`SenderDomain`] says which names to ask DNS about, [`Records`] holds the answers, and
//! [`Report::of`] judges them. Nothing here asks DNS itself.

mod dkim;
mod dmarc;
mod finding;
mod replies;
mod senders;
mod spf;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::recipient::EmailAddress;

pub use finding::{Check, Finding, Record, Report, Verdict};
pub use senders::Senders;
pub use spf::names_to_follow;

/// Selectors that mail systems use by default: DNS cannot list those of a domain.
pub const COMMON_SELECTORS: [&str; 12] = [
    "default",
    "dkim",
    "google",
    "k1",
    "key1",
    "mail",
    "mx",
    "s1",
    "s2",
    "selector1",
    "selector2",
    "smtp",
];

/// A domain in the form that DNS wants: lower case, punycode, no dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SenderDomain(String);

/// Why a text is no domain to send from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a domain such as example.org, without a name or an @ before it")]
pub struct NotADomain;

impl SenderDomain {
    /// Reads a domain by the rules of e-mail addresses.
    ///
    /// # Errors
    /// When no address could be in it.
    pub fn parse(text: &str) -> Result<Self, NotADomain> {
        let text = text.trim();
        let text = text.strip_suffix('.').unwrap_or(text);
        EmailAddress::parse(&format!("a@{text}"))
            .map(|address| Self(address.ascii_host().to_owned()))
            .map_err(|_| NotADomain)
    }

    /// The domain.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the key of a selector is.
    #[must_use]
    pub fn dkim_name(&self, selector: &str) -> String {
        format!("{selector}._domainkey.{self}")
    }

    /// Where a DMARC policy is looked for, nearest first: the domain, then each domain above it
    /// that is not a top-level one. Receivers walk the tree likewise.
    #[must_use]
    pub fn dmarc_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut rest = self.0.as_str();
        loop {
            names.push(format!("_dmarc.{rest}"));
            match rest.split_once('.') {
                Some((_, above)) if above.contains('.') => rest = above,
                _ => return names,
            }
        }
    }
}

impl fmt::Display for SenderDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether a text can be a selector: labels of letters, digits, dashes and underscores.
#[must_use]
pub fn is_selector(text: &str) -> bool {
    let in_label = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(in_label);
    text.len() <= 120 && text.split('.').all(is_label)
}

/// What DNS answered to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These records, each as one text.
    Found(Vec<String>),
    /// The name has no such record.
    None,
    /// No answer, and why: whether there is a record is unknown.
    Failed(String),
}

impl Answer {
    /// The records; empty unless found.
    #[must_use]
    pub fn found(&self) -> &[String] {
        match self {
            Self::Found(records) => records,
            Self::None | Self::Failed(_) => &[],
        }
    }
}

/// The key that was found under a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The selector.
    pub selector: String,
    /// Whether it was asked for, rather than tried because it is common.
    pub asked_for: bool,
    /// The TXT records under it, those behind a CNAME included.
    pub txt: Answer,
}

/// Everything DNS was asked about a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// The domain.
    pub domain: SenderDomain,
    /// The TXT records at the domain and at every name its SPF record leads to, by name.
    pub txt: BTreeMap<String, Answer>,
    /// The keys, in the order in which they were asked for.
    pub dkim: Vec<Selected>,
    /// The TXT records at each of [`SenderDomain::dmarc_names`], in their order.
    pub dmarc: Vec<(String, Answer)>,
    /// The MX records at the domain, each as preference and host.
    pub mx: Answer,
    /// The addresses of the domain itself, which take mail where there is no MX record.
    pub addresses: Answer,
}

impl Records {
    /// Those of a domain about which nothing could be asked.
    #[must_use]
    pub fn unanswered(domain: &SenderDomain, why: &str) -> Self {
        let failed = || Answer::Failed(why.to_owned());
        let names = domain.dmarc_names();
        Self {
            txt: BTreeMap::from([(domain.to_string(), failed())]),
            dkim: COMMON_SELECTORS
                .iter()
                .map(|selector| Selected {
                    selector: (*selector).to_owned(),
                    asked_for: false,
                    txt: failed(),
                })
                .collect(),
            dmarc: names.into_iter().map(|name| (name, failed())).collect(),
            mx: failed(),
            addresses: failed(),
            domain: domain.clone(),
        }
    }
}

/// Tags of the form `a=b; c=d`, as in DKIM and DMARC records, in their order.
///
/// The part that is no tag, if there is one.
fn tags(record: &str) -> Result<Vec<(String, &str)>, &str> {
    record
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').ok_or(part)?;
            let name = name.trim();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(part);
            }
            Ok((name.to_ascii_lowercase(), value.trim()))
        })
        .collect()
}

/// The first value of a tag.
fn tag<'a>(tags: &[(String, &'a str)], name: &str) -> Option<&'a str> {
    tags.iter()
        .find(|(tag, _)| tag == name)
        .map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_read_as_dns_wants_it() {
        for (text, domain) in [
            ("example.org", "example.org"),
            (" Example.ORG. ", "example.org"),
            ("müller.example", "xn--mller-kva.example"),
        ] {
            assert_eq!(SenderDomain::parse(text).unwrap().as_str(), domain);
        }
        for text in [
            "",
            "localhost",
            "a@example.org",
            "a b.org",
            "-a.org",
            "exa..mple.org",
        ] {
            assert_eq!(SenderDomain::parse(text), Err(NotADomain), "{text}");
        }
    }

    #[test]
    fn a_policy_is_looked_for_up_to_but_not_at_the_top_level() {
        let names = SenderDomain::parse("a.b.example.org")
            .unwrap()
            .dmarc_names();
        assert_eq!(
            names,
            [
                "_dmarc.a.b.example.org",
                "_dmarc.b.example.org",
                "_dmarc.example.org"
            ]
        );
    }

    #[test]
    fn without_any_answer_nothing_is_claimed() {
        let domain = SenderDomain::parse("example.org").unwrap();
        let records = Records::unanswered(&domain, "no resolver");
        let report = Report::of(&records, &Senders::default());
        assert_eq!(report.findings.len(), 4);
        for finding in &report.findings {
            assert_eq!(finding.verdict, Verdict::Unknown, "{finding:?}");
            assert!(finding.says.contains("no resolver"), "{finding:?}");
        }
    }

    #[test]
    fn selectors_are_names() {
        for good in ["s1", "abc.def", "k_2", "2024-01"] {
            assert!(is_selector(good), "{good}");
        }
        for bad in ["", "a b", ".", "a..b", "ü", "x/y", &"a".repeat(64)] {
            assert!(!is_selector(bad), "{bad}");
        }
    }
}
