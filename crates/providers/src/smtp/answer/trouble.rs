//! What a refusal's text says is wrong with our account at the server. Many servers give the same
//! code to that and to a message that they will never take.

use super::{Stage, Words};

/// Something that is put right outside, and then the message can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::smtp) enum Trouble {
    /// The server passes nothing on for us.
    NoRelay,
    /// It wants to know who we are.
    NoLogin,
    /// Who we are may not send from this address.
    Sender,
    /// Amazon's: an address or a domain is not verified.
    Unverified,
    /// Amazon's: the account's sending is paused.
    Paused,
}

impl Trouble {
    /// The trouble in an answer's text. An address that it quotes says nothing.
    pub(super) fn read(text: &str) -> Option<Self> {
        let words: Vec<String> = text
            .split_whitespace()
            .filter(|word| !word.contains('@'))
            .map(|word| {
                let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
                bare.to_ascii_lowercase()
            })
            .collect();
        let any = |of: &[&str]| words.iter().any(|word| of.contains(&word.as_str()));
        let text = words.join(" ");
        let has = |phrase: &str| text.contains(phrase);
        if has("sending paused") || has("sending suspended") {
            Some(Self::Paused)
        } else if has("email address is not verified") {
            Some(Self::Unverified)
        } else if has("authentication required")
            || has("authentication is required")
            || has("not authenticated")
            || has("not logged in")
        {
            Some(Self::NoLogin)
        } else if has("sender address rejected")
            || has("sender not allowed")
            || has("sender is not allowed")
            || has("not owned by user")
            || has("permissions to send as")
        {
            Some(Self::Sender)
        } else if any(&["relay", "relaying"]) && any(&DENIALS) {
            Some(Self::NoRelay)
        } else {
            None
        }
    }

    /// Whether the words mean this in an answer at the stage, with the subject of its enhanced code.
    /// Of what comes after the message only Amazon's are believed: others who then speak of senders
    /// and relays speak of this message.
    pub(super) const fn counts(self, stage: Stage, subject: Option<u16>) -> bool {
        match self {
            Self::NoRelay | Self::NoLogin | Self::Sender => {
                matches!(stage, Stage::Sender | Stage::Recipient)
                    && matches!(subject, None | Some(7))
            }
            Self::Unverified | Self::Paused => matches!(stage, Stage::Data | Stage::Message),
        }
    }

    pub(super) const fn words(self) -> Words {
        match self {
            Self::NoRelay => (
                "the server passes no mail on for us",
                Some("give the provider a login, or have the server accept mail from this machine"),
            ),
            Self::NoLogin => super::WANTS_LOGIN,
            Self::Sender => (
                "the server does not let us send from this address",
                Some("check the service's sender address, and what the provider's login may use"),
            ),
            Self::Unverified => (
                "an address or domain is not verified",
                Some(
                    "verify the sender's; while the account is in SES's sandbox, the recipient's too",
                ),
            ),
            Self::Paused => (
                "the account's sending is paused",
                Some("see why in SES's console under reputation, and resume it there"),
            ),
        }
    }
}

/// Words that make a relay one that is refused, and not a name.
const DENIALS: [&str; 11] = [
    "cannot",
    "denied",
    "deny",
    "disabled",
    "disallowed",
    "forbidden",
    "not",
    "prohibited",
    "refused",
    "rejected",
    "unable",
];
