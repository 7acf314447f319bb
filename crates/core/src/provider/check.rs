//! The rules of provider settings.

use super::{
    Credentials, NewProvider, ProviderKind, ProviderSettings, ProviderSpec, SmtpSettings, SmtpTls,
};
use crate::channel::Channel;
use crate::service::BadField;

/// The most characters of a name, which is a metric's label and a part of tables for people.
const NAME_LENGTH: usize = 40;

/// What a rate may be.
const RATES: std::ops::RangeInclusive<i32> = 1..=100_000;

pub(super) const PASSWORD_IN_THE_CLEAR: &str =
    "must be starttls or implicit with credentials: a password is never sent in the clear";

pub(super) fn check(new: NewProvider) -> Result<ProviderSpec, Vec<BadField>> {
    let mut errors = Errors(Vec::new());
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.name.is_empty() || new.name.len() > NAME_LENGTH || !new.name.chars().all(is_name) {
        errors.add(
            "name",
            "must be 1 to 40 lower-case letters, digits and dashes",
        );
    }
    if !(0..=100).contains(&new.weight) {
        errors.add("weight", "must be a number from 0 to 100");
    }
    if new
        .rate_per_second
        .is_some_and(|rate| !RATES.contains(&rate))
    {
        errors.add("rate_per_second", "must be a number from 1 to 100000");
    }
    let channel = channel(new.kind, new.channel, &mut errors);
    let settings = match ProviderSettings::read(new.kind, &new.settings) {
        Ok(settings) => {
            rules(&settings, &mut errors);
            Some(settings)
        }
        Err(message) => {
            errors.add("settings", message);
            None
        }
    };
    let credentials = new.credentials.and_then(|given| {
        Credentials::read(new.kind, &given)
            .map_err(|message| errors.add("credentials", message))
            .ok()
    });
    if let (Some(ProviderSettings::Smtp(smtp)), Some(_)) = (&settings, &credentials)
        && smtp.tls == SmtpTls::None
    {
        errors.add("settings.tls", PASSWORD_IN_THE_CLEAR);
    }
    match (settings, channel, errors.0) {
        (Some(settings), Some(channel), errors) if errors.is_empty() => Ok(ProviderSpec {
            name: new.name,
            channel,
            active: new.active,
            weight: new.weight,
            rate_per_second: new.rate_per_second,
            settings,
            credentials,
        }),
        (_, _, errors) => Err(errors),
    }
}

struct Errors(Vec<BadField>);

impl Errors {
    fn add(&mut self, field: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.0.push(BadField { field, message });
    }
}

fn channel(kind: ProviderKind, given: Option<Channel>, errors: &mut Errors) -> Option<Channel> {
    match (given, kind.channels()) {
        (Some(channel), can) if can.contains(&channel) => Some(channel),
        (None, [only]) => Some(*only),
        (_, can) => {
            let can: Vec<_> = can.iter().map(|channel| channel.as_str()).collect();
            errors.add("channel", format!("must be {}", can.join(" or ")));
            None
        }
    }
}

fn rules(settings: &ProviderSettings, errors: &mut Errors) {
    match settings {
        ProviderSettings::Sandbox => {}
        ProviderSettings::Ses(ses) => {
            region(ses.region.as_deref(), errors);
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if let Some(set) = &ses.configuration_set
                && (set.is_empty() || set.len() > 64 || !set.chars().all(is_name))
            {
                errors.add(
                    "settings.configuration_set",
                    "must be 1 to 64 letters, digits, dashes and underscores",
                );
            }
        }
        ProviderSettings::Sns(sns) => {
            region(sns.region.as_deref(), errors);
            if let Some(price) = &sns.max_price_usd
                && !is_price(price)
            {
                errors.add(
                    "settings.max_price_usd",
                    "must be a price in US dollars such as \"0.50\"",
                );
            }
        }
        ProviderSettings::Smtp(smtp) => rules_of_smtp(smtp, errors),
    }
}

fn region(region: Option<&str>, errors: &mut Errors) {
    let is_region = |text: &str| {
        let in_region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (3..=32).contains(&text.len()) && text.chars().all(in_region)
    };
    if region.is_some_and(|region| !is_region(region)) {
        errors.add(
            "settings.region",
            "must be the name of an AWS region such as eu-west-1",
        );
    }
}

/// Digits with at most one point between them: what AWS reads as a number.
fn is_price(text: &str) -> bool {
    let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
    let digits =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(cents)
}

fn rules_of_smtp(smtp: &SmtpSettings, errors: &mut Errors) {
    let in_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    if smtp.host.is_empty() || smtp.host.len() > 253 || !smtp.host.chars().all(in_host) {
        errors.add(
            "settings.host",
            "must be a host name in ASCII or an IP address",
        );
    }
    if smtp.port == Some(0) {
        errors.add("settings.port", "must be a number from 1 to 65535");
    }
    if !(1..=100).contains(&smtp.max_connections) {
        errors.add("settings.max_connections", "must be a number from 1 to 100");
    }
    if let Some(pem) = &smtp.ca_pem
        && !pem.contains("-----BEGIN CERTIFICATE-----")
    {
        errors.add("settings.ca_pem", "must hold certificates in PEM form");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(new: Value) -> Result<ProviderSpec, Vec<&'static str>> {
        let new: NewProvider = serde_json::from_value(new).unwrap();
        new.check()
            .map_err(|errors| errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let spec = checked(json!({
            "name": "relay", "kind": "smtp", "settings": {"host": "mail.example.org"},
        }))
        .unwrap();
        assert_eq!(spec.channel, Channel::Email);
        assert!(spec.active && spec.weight == 100);
        let ProviderSettings::Smtp(smtp) = &spec.settings else {
            panic!("{spec:?}");
        };
        assert_eq!((smtp.tls, smtp.port()), (SmtpTls::Starttls, 587));
        // What is stored reads back as the same.
        let read = ProviderSettings::read(ProviderKind::Smtp, &spec.settings.to_json());
        assert_eq!(read.as_ref(), Ok(&spec.settings));
    }

    #[test]
    fn every_violation_is_named() {
        let errors = checked(json!({
            "name": "My relay", "kind": "smtp", "channel": "sms", "weight": 101,
            "rate_per_second": 0, "settings": {"host": "a b", "port": 0, "max_connections": 0, "ca_pem": "x", "tls": "none"},
            "credentials": {"username": "u", "password": "p"},
        }))
        .unwrap_err();
        assert_eq!(
            errors,
            [
                "name",
                "weight",
                "rate_per_second",
                "channel",
                "settings.host",
                "settings.port",
                "settings.max_connections",
                "settings.ca_pem",
                "settings.tls",
            ]
        );
    }

    #[test]
    fn settings_of_another_kind_are_refused() {
        for (kind, settings) in [
            ("ses", json!({"host": "x"})),
            ("ses", json!({"region": "Europe"})),
            ("ses", json!({"configuration_set": "a b"})),
            ("sns", json!({"max_price_usd": "1,50"})),
            ("sns", json!({"sms_type": "bulk"})),
            ("smtp", json!({})),
            ("sandbox", json!({"url": "x"})),
        ] {
            let new = json!({"name": "a", "kind": kind, "channel": if kind == "sns" {"sms"} else {"email"}, "settings": settings});
            let errors = checked(new).unwrap_err();
            assert!(errors[0].starts_with("settings"), "{kind} {errors:?}");
        }
    }

    #[test]
    fn credentials_fit_their_kind() {
        let aws = json!({"access_key_id": "AKIA", "secret_access_key": "s"});
        let spec = checked(json!({"name": "ses", "kind": "ses", "credentials": aws})).unwrap();
        assert!(matches!(spec.credentials, Some(Credentials::Aws(_))));
        let of = |kind: &str| {
            let settings = if kind == "smtp" {
                json!({"host": "h"})
            } else {
                json!({})
            };
            checked(
                json!({"name": "a", "kind": kind, "channel": "email", "settings": settings, "credentials": aws}),
            )
        };
        assert_eq!(of("smtp").unwrap_err(), ["credentials"]);
        assert_eq!(of("sandbox").unwrap_err(), ["credentials"]);
    }
}
