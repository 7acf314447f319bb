//! Providers: whether each channel has one, whether their credentials open, whether they answer.

use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::provider::ProviderKind;
use carillon_providers::connect::connect;
use carillon_providers::provider::Unreachable;
use carillon_runtime::Settings;
use carillon_store::provider::{self, Provider};
use carillon_store::{Error, Store};
use futures::future::join_all;

use super::check::Check;
use super::postgres;
use super::spelled::{list, span};

/// A provider that answers more slowly than this is not going to.
const ANSWERS_WITHIN: Duration = Duration::from_secs(8);

/// The domain of the compiled-in settings, from which nobody can send.
const DEVELOPMENT_DOMAIN: &str = "notify.localhost";

/// What the verdicts on all providers together need of one.
struct Configured {
    name: String,
    kind: ProviderKind,
    channel: Channel,
    takes_messages: bool,
}

pub(super) async fn examine(settings: &Settings, checks: &mut Vec<Check>) {
    let Ok(store) = postgres::open(settings) else {
        return checks.push(Check::skipped("everything", "PostgreSQL is not configured"));
    };
    let providers = match provider::list(&store).await {
        Ok(providers) => providers,
        Err(Error::Unavailable(_)) => {
            let why = "the providers cannot be read from PostgreSQL";
            return checks.push(Check::skipped("everything", why));
        }
        Err(error) => {
            let todo = "run `carillon migrate` if migrations are outstanding";
            return checks.push(Check::problem("settings", error.to_string(), todo));
        }
    };
    let configured: Vec<_> = providers.iter().map(configured).collect();
    for channel in Channel::ALL {
        checks.push(of_channel(*channel, &configured));
    }
    checks.extend(stand_ins(&configured));
    checks.push(sender_domain(&settings.email.domain, &configured));
    let active = providers.iter().filter(|provider| provider.active);
    checks.extend(join_all(active.map(|provider| probe(settings, &store, provider))).await);
}

fn configured(provider: &Provider) -> Configured {
    Configured {
        name: provider.name.clone(),
        kind: provider.kind,
        channel: provider.channel,
        takes_messages: provider.active && provider.weight > 0,
    }
}

fn of_channel(channel: Channel, providers: &[Configured]) -> Check {
    let of_channel = || {
        providers
            .iter()
            .filter(|provider| provider.channel == channel)
    };
    let taking: Vec<_> = of_channel()
        .filter(|provider| provider.takes_messages)
        .map(|provider| &*provider.name)
        .collect();
    let name = channel.as_str();
    if !taking.is_empty() {
        return Check::ok(name, list(&taking));
    }
    let todo = match of_channel().next() {
        Some(Configured { name, .. }) => {
            format!("carillon provider set {name} --active true --weight 100")
        }
        None => format!("add one: carillon provider add --help lists the kinds for {channel}"),
    };
    let found = "no active provider with a weight above 0: messages wait";
    Check::problem(name, found, todo)
}

/// Channels on which a stand-in takes messages beside a real provider: those it takes reach nobody.
fn stand_ins(providers: &[Configured]) -> Vec<Check> {
    let taking = || providers.iter().filter(|provider| provider.takes_messages);
    let is_real =
        |channel| taking().any(|p| p.channel == channel && p.kind != ProviderKind::Sandbox);
    taking()
        .filter(|provider| provider.kind == ProviderKind::Sandbox && is_real(provider.channel))
        .map(|Configured { name, channel, .. }| {
            Check::warning(
                "sandbox",
                format!("{name} takes a share of the {channel} messages, which reach nobody"),
                format!("carillon provider set {name} --active false"),
            )
        })
        .collect()
}

fn sender_domain(domain: &str, providers: &[Configured]) -> Check {
    const NAME: &str = "email.domain";
    let is_real = providers.iter().any(|provider| {
        provider.takes_messages
            && provider.channel == Channel::Email
            && provider.kind != ProviderKind::Sandbox
    });
    if is_real && domain == DEVELOPMENT_DOMAIN {
        let found = format!("{domain}: mail from there is refused or goes to junk");
        return Check::warning(
            NAME,
            found,
            "set email.domain to a domain that the provider may use",
        );
    }
    Check::ok(NAME, domain)
}

async fn probe(settings: &Settings, store: &Store, provider: &Provider) -> Check {
    let spec = match provider.open(store) {
        Ok(spec) => spec,
        Err(error) => return closed(&provider.name, &error),
    };
    let timeout = settings.delivery.provider_timeout.min(ANSWERS_WITHIN);
    let asked = tokio::time::Instant::now();
    let probed = tokio::time::timeout(ANSWERS_WITHIN, async {
        let client = connect(&spec, &settings.sandbox.url, timeout)
            .await
            .map_err(|error| Unreachable {
                what: error.to_string(),
                advice: "correct the provider's settings: see carillon provider --help".to_owned(),
            })?;
        client.probe().await
    });
    let probed = probed.await.unwrap_or_else(|_| {
        Err(Unreachable {
            what: format!("no answer within {}", span(ANSWERS_WITHIN)),
            advice: "see whether this host reaches it, and whether it has an outage".to_owned(),
        })
    });
    answered(&provider.name, provider.kind, probed, asked.elapsed())
}

fn closed(name: &str, error: &Error) -> Check {
    let todo = match error {
        Error::Seal(_) => {
            "add the encryption key that sealed its credentials behind the others in \
             security.encryption_keys, or give it its credentials again"
        }
        _ => {
            "use a carillon that is as new as the one that wrote the settings, or write them again"
        }
    };
    Check::problem(name.to_owned(), error.to_string(), todo)
}

fn answered(
    name: &str,
    kind: ProviderKind,
    probed: Result<(), Unreachable>,
    took: Duration,
) -> Check {
    match probed {
        Ok(()) => Check::ok(name.to_owned(), format!("{kind} answers, {}", span(took))),
        Err(Unreachable { what, advice }) => {
            Check::problem(name.to_owned(), format!("{kind}: {what}"), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_store::seal::SealError;

    use super::super::check::State;
    use super::*;

    fn provider(name: &str, kind: ProviderKind, takes_messages: bool) -> Configured {
        Configured {
            name: name.to_owned(),
            kind,
            channel: Channel::Email,
            takes_messages,
        }
    }

    #[test]
    fn a_channel_needs_somebody_who_takes_its_messages() {
        let ses = |takes| [provider("ses", ProviderKind::Ses, takes)];
        assert_eq!(
            of_channel(Channel::Email, &ses(true)),
            Check::ok("email", "ses")
        );
        let idle = of_channel(Channel::Email, &ses(false));
        assert_eq!(idle.state, State::Problem);
        let todo = "carillon provider set ses --active true --weight 100";
        assert_eq!(idle.todo.as_deref(), Some(todo));
        let none = of_channel(Channel::Sms, &ses(true));
        assert!(none.todo.unwrap().starts_with("add one"));
    }

    #[test]
    fn a_stand_in_beside_a_real_provider_is_a_warning() {
        let sandbox = || provider("sandbox-email", ProviderKind::Sandbox, true);
        assert_eq!(stand_ins(&[sandbox()]), []);
        assert_eq!(
            stand_ins(&[sandbox(), provider("ses", ProviderKind::Ses, false)]),
            []
        );
        let both = stand_ins(&[sandbox(), provider("ses", ProviderKind::Ses, true)]);
        assert_eq!(both.len(), 1);
        assert_eq!(both[0].state, State::Warning);
        assert!(
            both[0]
                .todo
                .as_ref()
                .unwrap()
                .contains("sandbox-email --active false")
        );
    }

    #[test]
    fn nobody_sends_from_the_development_domain() {
        let real = [provider("smtp", ProviderKind::Smtp, true)];
        assert_eq!(
            sender_domain("notify.localhost", &real).state,
            State::Warning
        );
        assert_eq!(sender_domain("notify.example.org", &real).state, State::Ok);
        let sandbox = [provider("sandbox-email", ProviderKind::Sandbox, true)];
        assert_eq!(sender_domain("notify.localhost", &sandbox).state, State::Ok);
    }

    #[test]
    fn the_provider_s_own_advice_is_passed_on() {
        let unreachable = Unreachable {
            what: "the login was refused".to_owned(),
            advice: "correct the password".to_owned(),
        };
        let took = Duration::from_millis(30);
        let check = answered("relay", ProviderKind::Smtp, Err(unreachable), took);
        assert_eq!(check.found, "smtp: the login was refused");
        assert_eq!(check.todo.as_deref(), Some("correct the password"));
        let check = answered("relay", ProviderKind::Smtp, Ok(()), took);
        assert_eq!(check, Check::ok("relay", "smtp answers, 30 ms"));
    }

    #[test]
    fn credentials_that_do_not_open_want_their_key() {
        let check = closed("ses", &Error::Seal(SealError::DoesNotOpen));
        assert!(check.todo.unwrap().contains("security.encryption_keys"));
    }
}
