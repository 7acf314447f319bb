use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use secrecy::ExposeSecret;
use tempfile::NamedTempFile;

use super::*;

const URLS: [(&str, &str); 2] = [
    ("DATABASE_URL", "postgres://u:pw@db/carillon"),
    ("AMQP_URL", "amqp://u:pw@mq"),
];

fn env(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    URLS.iter().chain(more).map(owned).collect()
}

fn load(more: &[(&str, &str)]) -> Settings {
    Settings::load(None, env(more)).expect("valid settings")
}

fn refusal(more: &[(&str, &str)]) -> String {
    Settings::load(None, env(more))
        .expect_err("invalid settings")
        .to_string()
}

fn file(content: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(content.as_bytes()).expect("room for it");
    file
}

#[test]
fn the_two_urls_are_enough() {
    let settings = load(&[]);
    assert_eq!(
        settings.database.url.expose_secret(),
        "postgres://u:pw@db/carillon"
    );
    assert_eq!(
        settings.database.direct_url().expose_secret(),
        "postgres://u:pw@db/carillon"
    );
    assert_eq!(settings.amqp.url.expose_secret(), "amqp://u:pw@mq");
    assert_eq!(settings.api.public_url(), "http://127.0.0.1:6011");
    assert!(settings.api.worker_threads() > 0);
    assert_eq!(settings.delivery.lease, Duration::from_secs(30));
    assert_eq!(settings.save.batch_wait, Duration::from_millis(20));
    assert_eq!(settings.telemetry.log_format, LogFormat::Json);
}

#[test]
fn a_missing_url_is_asked_for_by_its_variable() {
    let error = Settings::load(None, []).expect_err("no URL").to_string();
    let expected = "database.url is missing: set DATABASE_URL, \
        or database.url in the file given by --config";
    assert_eq!(error, expected);
    assert!(Settings::load_partial(None, []).is_ok());
}

#[test]
fn the_environment_lies_above_the_file_and_the_file_above_the_defaults() {
    let file = file("[delivery]\nslots = 7\n[database]\nmax_connections = 3\n");
    let env = env(&[("CARILLON__DATABASE__MAX_CONNECTIONS", "5")]);
    let settings = Settings::load(Some(file.path()), env).expect("valid settings");
    assert_eq!(settings.delivery.slots, 7);
    assert_eq!(settings.database.max_connections, 5);
    assert_eq!(settings.retry.max_attempts, 48);
}

#[test]
fn text_that_looks_like_a_number_stays_as_it_is() {
    let settings = load(&[
        ("CARILLON__API__ADMIN_TOKEN", "00123"),
        ("CARILLON__AMQP__PREFIX", "1e3"),
        ("CARILLON__RETRY__SCALE", "0.02"),
        ("CARILLON__TELEMETRY__LOG_FORMAT", "pretty"),
        ("CARILLON__API__LISTEN", "0.0.0.0:80"),
    ]);
    let token = settings.api.admin_token.as_ref().expect("given");
    assert_eq!(token.expose_secret(), "00123");
    assert_eq!(settings.amqp.prefix, "1e3");
    assert!((settings.retry.scale - 0.02).abs() < 1e-9);
    assert_eq!(settings.telemetry.log_format, LogFormat::Pretty);
    assert_eq!(settings.api.listen.to_string(), "0.0.0.0:80");
}

#[test]
fn the_systematic_name_wins_over_the_customary_one() {
    let settings = load(&[
        ("RUST_LOG", "warn"),
        ("CARILLON__DATABASE__URL", "postgres://mine"),
        ("ADMIN_TOKEN", "not-an-alias"),
    ]);
    assert_eq!(settings.telemetry.filter, "warn");
    assert_eq!(settings.database.url.expose_secret(), "postgres://mine");
    assert!(settings.api.admin_token.is_none());
}

#[test]
fn an_empty_variable_is_not_set() {
    let settings = load(&[
        ("CARILLON__API__ADMIN_TOKEN", ""),
        ("CARILLON__DELIVERY__SLOTS", ""),
    ]);
    assert!(settings.api.admin_token.is_none());
    assert_eq!(settings.delivery.slots, 64);
}

#[test]
fn a_secret_can_be_the_content_of_a_file() {
    let secret = file("  s3cret\n");
    let path = secret.path().to_str().expect("a plain path");
    let settings = load(&[("CARILLON__SANDBOX__SIGNING_KEY_FILE", path)]);
    assert_eq!(
        settings.sandbox.signing_key.expect("given").expose_secret(),
        "s3cret"
    );

    let twice = refusal(&[("DATABASE_URL_FILE", path)]);
    assert_eq!(
        twice,
        "both DATABASE_URL and DATABASE_URL_FILE are set: only one can be meant"
    );
    let nowhere = refusal(&[("CARILLON__API__ADMIN_TOKEN_FILE", "/nowhere")]);
    assert_eq!(
        nowhere,
        "cannot read /nowhere (from CARILLON__API__ADMIN_TOKEN_FILE)"
    );
}

#[test]
fn an_unknown_variable_is_refused_by_its_name() {
    let error = refusal(&[("CARILLON__SAVE__ROWS", "1")]);
    let expected = "unknown variable CARILLON__SAVE__ROWS, \
        expected one of CARILLON__SAVE__BATCH_ROWS, CARILLON__SAVE__BATCH_WAIT_MS";
    assert_eq!(error, expected);
    assert!(refusal(&[("CARILLON__SLOTS", "1")]).contains("CARILLON__DELIVERY__SLOTS"));
    assert!(refusal(&[("CARILLON__DELIVERY__SLOTS_FILE", "x")]).contains("SLOTS_FILE"));
}

#[test]
fn an_unknown_key_of_the_file_is_refused_by_its_name() {
    let unknown = file("[save]\nrows = 1\n");
    let error = Settings::load(Some(unknown.path()), env(&[]))
        .expect_err("unknown")
        .to_string();
    let expected = "unknown field `rows`, expected `batch_rows` or `batch_wait_ms` for key `save`";
    assert_eq!(error, expected);
}

#[test]
fn a_broken_file_is_not_quoted() {
    let broken = file("[database]\nurl = \"postgres://u:pw@db\nmax_connections = 1\n");
    let error = Settings::load(Some(broken.path()), env(&[]))
        .expect_err("broken")
        .to_string();
    assert!(
        error.starts_with(&format!("{}, line 2: ", broken.path().display())),
        "{error}"
    );
    assert!(!error.contains("pw"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_is_traced_to_its_variable() {
    let error = refusal(&[("CARILLON__DELIVERY__SLOTS", "many")]);
    assert!(error.contains("\"many\""), "{error}");
    assert!(error.contains("delivery.slots"), "{error}");
    assert!(error.contains("CARILLON__DELIVERY__SLOTS"), "{error}");
}

#[test]
fn values_that_cannot_work_are_refused() {
    let cases = [
        (
            "CARILLON__RETRY__SCALE",
            "0",
            "retry.scale: must be above 0 and at most 1, not 0",
        ),
        (
            "CARILLON__RETRY__SCALE",
            "NaN",
            "retry.scale: must be above 0 and at most 1, not NaN",
        ),
        (
            "CARILLON__DELIVERY__LEASE_S",
            "15",
            "delivery.lease_s: must exceed delivery.provider_timeout_ms (10000 ms) \
             by more than 5 s, not be 15 s",
        ),
        (
            "CARILLON__API__LINGER_MS",
            "20000",
            "api.linger_ms: must be less than shutdown.drain_s (20 s) or 0, not 20000",
        ),
        (
            "CARILLON__POLLER__RELAY_INTERVAL_MS",
            "0",
            "poller.relay_interval_ms: must be from 1 to 1073741824, not 0",
        ),
        (
            "CARILLON__SAVE__BATCH_ROWS",
            "0",
            "save.batch_rows: must be from 1 to 1073741824, not 0",
        ),
        (
            "CARILLON__SECURITY__ENCRYPTION_KEY",
            "AAAA",
            "security.encryption_keys: its key number 1 has 3 bytes instead of 32",
        ),
    ];
    for (name, value, expected) in cases {
        assert_eq!(refusal(&[(name, value)]), expected);
    }
    let format = refusal(&[("CARILLON__TELEMETRY__LOG_FORMAT", "xml")]);
    assert_eq!(
        format,
        "`xml` is neither json nor pretty for key `telemetry.log_format`"
    );
    assert!(refusal(&[("RUST_LOG", "a=b=c")]).starts_with("telemetry.filter: "));
}

/// Every variable set to something valid.
fn complete() -> Settings {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    load(&[
        ("DATABASE_DIRECT_URL", "postgres://u:pw@direct"),
        ("CARILLON__API__PUBLIC_URL", "https://notify.example/"),
        ("CARILLON__API__ADMIN_TOKEN", "pw"),
        ("CARILLON__SECURITY__ENCRYPTION_KEYS", key),
        ("CARILLON__SANDBOX__SIGNING_KEY", "pw"),
    ])
}

#[test]
fn every_key_has_a_variable_and_every_secret_is_hidden() {
    let printed: toml::Table = complete().printable().parse().expect("TOML");
    let mut keys = BTreeSet::new();
    let mut hidden = BTreeSet::new();
    for (section, values) in &printed {
        for (name, value) in values.as_table().expect("a section") {
            let key = format!("{section}.{name}");
            if value.as_str() == Some(REDACTED) {
                hidden.insert(key.clone());
            }
            keys.insert(key);
        }
    }
    assert_eq!(keys, variables::keys().into_iter().collect());
    assert_eq!(
        hidden,
        variables::SECRETS.iter().map(ToString::to_string).collect()
    );
}

#[test]
fn nothing_shows_a_secret() {
    let settings = complete();
    assert!(!settings.printable().contains("pw"));
    assert!(!format!("{settings:?}").contains("pw"));
}

#[test]
fn every_alias_means_a_key_and_secrets_have_files() {
    let variables = Settings::variables();
    for name in [
        "DATABASE_URL",
        "DATABASE_URL_FILE",
        "DATABASE_DIRECT_URL",
        "AMQP_URL",
        "AMQP_URL_FILE",
        "RUST_LOG",
        "CARILLON__SECURITY__ENCRYPTION_KEY",
        "CARILLON__SECURITY__ENCRYPTION_KEYS_FILE",
        "CARILLON__RETRY__SCALE",
    ] {
        assert!(variables.iter().any(|variable| variable == name), "{name}");
    }
    assert!(!variables.iter().any(|variable| variable == "RUST_LOG_FILE"));
}
