//! Shares of a channel: who takes messages, and who is the last to.

use super::ProviderKind;
use crate::channel::Channel;

/// A provider as far as shares are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: ProviderKind,
    /// The channel it delivers.
    pub channel: Channel,
    /// Whether it may take messages.
    pub active: bool,
    /// Its share among the channel's providers.
    pub weight: i32,
}

impl Share<'_> {
    /// Whether it takes messages: active, with a weight.
    #[must_use]
    pub const fn takes(&self) -> bool {
        self.active && self.weight > 0
    }
}

/// The channel that nobody would deliver any more without the provider of this name.
#[must_use]
pub fn last_of(name: &str, all: &[Share]) -> Option<Channel> {
    let one = all
        .iter()
        .find(|share| share.name == name && share.takes())?;
    let another =
        |share: &Share| share.takes() && share.channel == one.channel && share.name != one.name;
    (!all.iter().any(another)).then_some(one.channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: Share = Share {
        name: "relay",
        kind: ProviderKind::Smtp,
        channel: Channel::Email,
        active: true,
        weight: 100,
    };

    #[test]
    fn the_last_one_is_the_last_that_takes_messages() {
        let ses = Share {
            name: "ses",
            ..RELAY
        };
        let idle = Share { weight: 0, ..ses };
        let off = Share {
            active: false,
            ..ses
        };
        let sms = Share {
            channel: Channel::Sms,
            ..ses
        };
        for other in [idle, off, sms] {
            let last = last_of("relay", &[RELAY, other]);
            assert_eq!(last, Some(Channel::Email), "{other:?}");
        }
        assert_eq!(last_of("relay", &[RELAY, ses]), None);
        assert_eq!(last_of("ses", &[RELAY, off]), None);
        assert_eq!(last_of("other", &[RELAY]), None);
    }
}
