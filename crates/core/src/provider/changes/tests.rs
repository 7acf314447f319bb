use serde_json::json;

use super::*;

fn settings() -> Value {
    json!({"host": "mail.example.org", "port": 2525})
}

fn relay(settings: &Value) -> Current<'_> {
    Current {
        name: "relay",
        kind: ProviderKind::Smtp,
        channel: Channel::Email,
        active: true,
        weight: 40,
        resting_weight: 50,
        rate_per_second: Some(7),
        settings,
        has_credentials: true,
    }
}

fn changed(changes: Value) -> Result<Changed, Vec<&'static str>> {
    changed_of(relay(&settings()), changes)
}

fn changed_of(current: Current<'_>, changes: Value) -> Result<Changed, Vec<&'static str>> {
    let changes: Changes = serde_json::from_value(changes).unwrap();
    let fields = |errors: Vec<BadField>| errors.into_iter().map(|e| e.field).collect();
    changes.apply(current).map_err(fields)
}

fn smtp(changed: &Changed) -> &SmtpSettings {
    let ProviderSettings::Smtp(smtp) = &changed.settings else {
        panic!("{changed:?}");
    };
    smtp
}

#[test]
fn what_is_left_out_stays() {
    let same = changed(json!({})).unwrap();
    assert_eq!((same.active, same.weight), (true, 40));
    assert_eq!((same.resting_weight, same.rate_per_second), (50, Some(7)));
    assert_eq!(
        ProviderSettings::read(ProviderKind::Smtp, &settings()).as_ref(),
        Ok(&same.settings)
    );
    assert_eq!(same.credentials, CredentialsChange::Keep);
    let off = Changed {
        active: false,
        ..same
    };
    assert_eq!(changed(json!({"active": false})), Ok(off));
}

#[test]
fn settings_change_one_by_one_and_null_takes_one_back() {
    let changes = json!({
        "settings": {"port": null, "tls": "implicit", "max_connections": 3}, "credentials": null,
    });
    let changed = changed(changes).unwrap();
    let smtp = smtp(&changed);
    assert_eq!(
        (smtp.host.as_str(), smtp.tls, smtp.max_connections),
        ("mail.example.org", SmtpTls::Implicit, 3)
    );
    assert_eq!(smtp.port(), 465);
}

#[test]
fn a_setting_that_cannot_be_read_can_be_taken_back() {
    let newer = json!({"host": "mail.example.org", "newer": 1});
    let off = json!({"active": false});
    assert_eq!(changed_of(relay(&newer), off), Err(vec!["settings"]));
    let current = Current {
        has_credentials: false,
        ..relay(&newer)
    };
    let mended = changed_of(current, json!({"settings": {"newer": null}})).unwrap();
    assert_eq!(smtp(&mended).host, "mail.example.org");
}

#[test]
fn a_share_that_is_given_is_where_it_rests_and_null_is_no_rate() {
    let changes = json!({"weight": 0, "rate_per_second": null, "reason": "moving house"});
    let changed = changed(changes).unwrap();
    assert_eq!((changed.weight, changed.resting_weight), (0, 0));
    assert_eq!(changed.rate_per_second, None);
    for reason in ["", " ", "two\nlines", &"x".repeat(501)] {
        let errors = self::changed(json!({"reason": reason}));
        assert_eq!(errors, Err(vec!["reason"]), "{reason:?}");
    }
    let errors = self::changed(json!({"rate_per_second": 100_001}));
    assert_eq!(errors, Err(vec!["rate_per_second"]));
}

#[test]
fn credentials_are_replaced_as_a_whole_or_taken_away() {
    let other = json!({"username": "bob", "password": "p"});
    let set = changed(json!({"credentials": other})).unwrap().credentials;
    assert!(matches!(set, CredentialsChange::Set(c) if c.to_json() == other));
    let none = changed(json!({"credentials": null})).unwrap().credentials;
    assert_eq!(none, CredentialsChange::Remove);
    assert_eq!(
        changed(json!({"credentials": {"username": "bob"}})),
        Err(vec!["credentials"])
    );
}

#[test]
fn a_password_does_not_follow_to_another_server() {
    for settings in [
        json!({"host": "elsewhere.example.net"}),
        json!({"port": 587}),
        json!({"port": null}),
        json!({"tls": "implicit"}),
        json!({"ca_pem": "-----BEGIN CERTIFICATE-----"}),
    ] {
        let changes = json!({"settings": settings});
        assert_eq!(changed(changes), Err(vec!["credentials"]), "{settings}");
        for credentials in [Value::Null, json!({"username": "ada", "password": "p"})] {
            let changes = json!({"settings": settings, "credentials": credentials});
            changed(changes).unwrap();
        }
        let before = self::settings();
        let without = Current {
            has_credentials: false,
            ..relay(&before)
        };
        changed_of(without, json!({"settings": settings})).unwrap();
    }
    // The same server in other words.
    for settings in [
        json!({"port": 2525}),
        json!({"tls": "starttls"}),
        json!({"max_connections": 2}),
    ] {
        changed(json!({"settings": settings})).unwrap();
    }
}

#[test]
fn a_change_is_checked_together_with_what_stays() {
    // The password that is there would be sent in the clear.
    assert_eq!(
        changed(json!({"settings": {"tls": "none"}})),
        Err(vec!["settings.tls"])
    );
    assert_eq!(
        changed(json!({"settings": {"region": "x"}})),
        Err(vec!["settings"])
    );
    assert_eq!(
        changed(json!({"weight": 101, "settings": {"host": "h"}})),
        Err(vec!["weight", "credentials"])
    );
}

#[test]
fn only_what_is_to_work_anew_must_connect() {
    let settings = settings();
    let must = |active, changes| {
        let current = Current {
            active,
            ..relay(&settings)
        };
        changed_of(current, changes).unwrap().must_connect(current)
    };
    assert!(!must(true, json!({"active": false})));
    assert!(!must(true, json!({"active": true, "weight": 3})));
    assert!(!must(false, json!({"weight": 3})));
    assert!(must(false, json!({"active": true})));
    assert!(must(false, json!({"credentials": null})));
    assert!(must(false, json!({"settings": {"max_connections": 2}})));
}
