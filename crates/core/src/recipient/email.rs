//! E-mail addresses: the rules of GOV.UK Notify (spec/dataflow.md §6 rule 5), read without a regex.

use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::{is_invisible, is_joiner};

/// Longest address accepted, in characters and also in octets of its ASCII host form:
/// 64 for the local part, the sign, 255 for the domain (RFC 3696 erratum 1690).
const MAX_CHARACTERS: usize = 320;
/// Longest host name in its ASCII form (RFC 1035 §2.3.4 less the length octets).
const MAX_HOST: usize = 253;

/// An address that a mail server can be asked to deliver to.
///
/// Equality is of the text; compare people by [`EmailAddress::normalised`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    text: String,
    ascii_host: String,
}

/// Why an address was refused. There is one text because clients match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Not a valid email address")]
pub struct EmailError;

impl EmailAddress {
    /// Reads an address, forgiving white space around it and invisible characters in it.
    ///
    /// # Errors
    /// If no mail server could accept the address, or if only a quoted local part or an IP
    /// literal could express it; Notify refuses those too.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let text = trimmed(raw);
        if text.chars().count() > MAX_CHARACTERS {
            return Err(EmailError);
        }
        let (local, host) = text.split_once('@').ok_or(EmailError)?;
        if !is_local_part(local) {
            return Err(EmailError);
        }
        let ascii_host = ascii_host(host).ok_or(EmailError)?;
        Ok(Self { text, ascii_host })
    }

    /// The address as it was given, trimmed: what is sent to and what callers read back.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address in lower case: two addresses with the same one are the same recipient.
    ///
    /// RFC 5321 lets a host tell `A@` from `a@`; none in use does, and a suppression that a
    /// capital letter could evade would be worthless.
    #[must_use]
    pub fn normalised(&self) -> String {
        self.text.to_lowercase()
    }

    /// The host in lower case and punycode, as DNS and SMTP want it.
    #[must_use]
    pub fn ascii_host(&self) -> &str {
        &self.ascii_host
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

fn trimmed(raw: &str) -> String {
    raw.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
        .chars()
        .filter(|c| !is_invisible(*c) || is_joiner(*c))
        .collect()
}

/// A dot-string of RFC 5321, in which Latin letters with accents are letters too. The length of
/// the local part is left to the receiving host: Notify checks only the whole.
fn is_local_part(local: &str) -> bool {
    !local.is_empty()
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (matches!(c, '\u{00C0}'..='\u{024F}' | '\u{1E00}'..='\u{1EFF}') && c.is_alphabetic())
}

/// The host in its ASCII form, or `None` if it cannot be one in the public DNS.
fn ascii_host(host: &str) -> Option<String> {
    // UTS 46 would map further signs to dots and drop others; a second sign is an error here.
    if host.contains(|c: char| c == '@' || c.is_whitespace()) {
        return None;
    }
    let ascii = Uts46::new()
        .to_ascii(
            host.as_bytes(),
            AsciiDenyList::STD3,
            // Double hyphens in the third place are in use; only leading and trailing ones are not.
            Hyphens::CheckFirstLast,
            // Refuses empty labels, labels over 63 and a final dot.
            DnsLength::Verify,
        )
        .ok()?;
    let (_, top) = ascii.rsplit_once('.')?;
    (ascii.len() <= MAX_HOST && is_top_level(top)).then(|| ascii.into_owned())
}

/// Refuses `localhost`-like names and IPv4 addresses, of which the last label is a number.
fn is_top_level(label: &str) -> bool {
    label.starts_with("xn--")
        || (label.len() >= 2 && label.bytes().all(|b| b.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests;
