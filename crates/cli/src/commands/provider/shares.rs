//! Who gets how much of a channel, and what an operator should know about it.

use carillon_core::channel::Channel;
use carillon_core::provider::ProviderKind;
use carillon_core::provider::share::{self, Share};
use carillon_store::provider::Provider;

/// What share of its channel a provider takes, in whole percent.
pub(crate) fn percent(name: &str, all: &[Provider]) -> i32 {
    let all: Vec<Share> = all.iter().map(Share::from).collect();
    let one = all.iter().find(|share| share.name == name && share.takes());
    one.map_or(0, |one| share_of(one, &all))
}

/// The provider takes messages, so that there is something to divide by.
fn share_of(one: &Share, all: &[Share]) -> i32 {
    let same = |share: &&Share| share.takes() && share.channel == one.channel;
    let total: i32 = all.iter().filter(same).map(|share| share.weight).sum();
    one.weight * 100 / total.max(1)
}

/// The channel that nobody would deliver any more without this provider.
pub(crate) fn last_of(name: &str, all: &[Provider]) -> Option<Channel> {
    share::last_of(name, &all.iter().map(Share::from).collect::<Vec<_>>())
}

/// What is worth a remark after a change: a sandbox beside a real provider, whose share reaches
/// nobody, and a channel that nobody delivers.
pub(crate) fn remarks(channel: Channel, all: &[Provider]) -> Vec<String> {
    remarks_on(channel, &all.iter().map(Share::from).collect::<Vec<_>>())
}

fn remarks_on(channel: Channel, all: &[Share]) -> Vec<String> {
    let taking: Vec<&Share> = all
        .iter()
        .filter(|share| share.takes() && share.channel == channel)
        .collect();
    if taking.is_empty() {
        return vec![format!(
            "No active provider with a weight is left for {channel}: its messages wait until there \
             is one."
        )];
    }
    if taking
        .iter()
        .all(|share| share.kind == ProviderKind::Sandbox)
    {
        return Vec::new();
    }
    let sandboxes = taking
        .iter()
        .filter(|share| share.kind == ProviderKind::Sandbox);
    sandboxes
        .map(|sandbox| {
            format!(
                "{name} is a sandbox and still active: {percent} % of all {channel} goes there and \
                 reaches nobody. Switch it off with:\n  carillon provider set {name} --active false",
                name = sandbox.name,
                percent = share_of(sandbox, all),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SANDBOX: Share = Share {
        name: "sandbox-email",
        kind: ProviderKind::Sandbox,
        channel: Channel::Email,
        active: true,
        weight: 100,
    };
    const RELAY: Share = Share {
        name: "relay",
        kind: ProviderKind::Smtp,
        ..SANDBOX
    };

    #[test]
    fn a_sandbox_beside_a_real_provider_is_remarked_on() {
        let remarks = remarks_on(Channel::Email, &[SANDBOX, RELAY]);
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].contains("50 % of all email"), "{remarks:?}");
        assert!(remarks[0].ends_with("carillon provider set sandbox-email --active false"));
        let light = Share {
            weight: 20,
            ..SANDBOX
        };
        assert!(remarks_on(Channel::Email, &[light, RELAY])[0].contains("16 %"));
    }

    #[test]
    fn a_sandbox_that_takes_nothing_or_is_alone_is_not() {
        for sandbox in [
            Share {
                active: false,
                ..SANDBOX
            },
            Share {
                weight: 0,
                ..SANDBOX
            },
        ] {
            assert!(remarks_on(Channel::Email, &[sandbox, RELAY]).is_empty());
        }
        assert!(remarks_on(Channel::Email, &[SANDBOX]).is_empty());
        let sms = Share {
            channel: Channel::Sms,
            ..SANDBOX
        };
        assert!(remarks_on(Channel::Email, &[sms, RELAY]).is_empty());
    }

    #[test]
    fn a_channel_that_nobody_delivers_is() {
        let idle = Share { weight: 0, ..RELAY };
        let remarks = remarks_on(Channel::Email, &[idle]);
        assert!(remarks[0].contains("No active provider"), "{remarks:?}");
    }
}
