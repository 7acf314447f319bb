//! Addresses as they stand in SMTP commands and headers.

use std::fmt;

use lettre::Address;

use super::Unbuildable;

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Whom the message is from.
    Sender,
    /// Where answers go.
    ReplyTo,
    /// Whom it is for.
    Recipient,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sender => "the sender's address",
            Self::ReplyTo => "the reply-to address",
            Self::Recipient => "the recipient's address",
        })
    }
}

/// Reads an address; its domain comes out in ASCII. What stands before the `@` stays as it is, for
/// nobody but the receiving server may change that.
pub(super) fn read(address: &str, party: Party) -> Result<Address, Unbuildable> {
    parse(address).ok_or(Unbuildable::Address(party))
}

fn parse(address: &str) -> Option<Address> {
    let (local, domain) = address.rsplit_once('@')?;
    // Between quotes nearly anything may stand, line ends too. Recipients are not accepted with
    // them, and senders do not need them.
    if local.contains(|c: char| c == '"' || c.is_whitespace() || c.is_control()) {
        return None;
    }
    let domain = idna::domain_to_ascii(domain).ok()?;
    Address::new(local, domain).ok()
}
