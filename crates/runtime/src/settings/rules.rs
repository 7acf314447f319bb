//! What must hold beyond the type of a value.

use std::time::Duration;

use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use super::{Settings, SettingsError};

/// What a worker needs around a call to a provider: claiming before it, writing down after it.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// More than any machine has use for (as milliseconds: 12 days), and small enough for every
/// arithmetic done with it.
const MOST: u64 = 1 << 30;

/// Refuses the first value that breaks a rule.
pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    check_required(settings)?;
    check_ranges(settings)?;
    check_lease(settings)?;
    let Settings {
        retry,
        security,
        telemetry,
        ..
    } = settings;
    // Written so that NaN is refused as well.
    if !(retry.scale > 0.0 && retry.scale <= 1.0) {
        return Err(SettingsError::rule(
            "retry.scale",
            format!("must be above 0 and at most 1, not {}", retry.scale),
        ));
    }
    if security.encryption_keys.is_some() {
        security.encryption_keys()?;
    }
    EnvFilter::try_new(&telemetry.filter)
        .map(drop)
        .map_err(|error| SettingsError::rule("telemetry.filter", error.to_string()))
}

fn check_required(settings: &Settings) -> Result<(), SettingsError> {
    let required = [
        ("database.url", &settings.database.url),
        ("amqp.url", &settings.amqp.url),
    ];
    for (key, secret) in required {
        if secret.expose_secret().is_empty() && !settings.is_partial {
            return Err(SettingsError::missing(key));
        }
    }
    Ok(())
}

fn check_ranges(settings: &Settings) -> Result<(), SettingsError> {
    let Settings {
        database,
        api,
        delivery,
        retry,
        poller,
        save,
        sandbox,
        shutdown,
        ..
    } = settings;
    let ranges = [
        (
            "database.max_connections",
            1,
            wide(database.max_connections),
        ),
        (
            "database.statement_timeout_ms",
            1,
            millis(database.statement_timeout),
        ),
        (
            "database.connect_timeout_ms",
            1,
            millis(database.connect_timeout),
        ),
        ("api.workers", 0, wide(api.workers)),
        ("api.confirm_timeout_ms", 1, millis(api.confirm_timeout)),
        ("api.cache_fresh_ms", 0, millis(api.cache_fresh)),
        ("api.cache_stale_s", 0, seconds(api.cache_stale)),
        ("api.body_limit_bytes", 1, wide(api.body_limit_bytes)),
        (
            "api.waiting_reads_per_service",
            0,
            wide(api.waiting_reads_per_service),
        ),
        ("delivery.slots", 1, wide(delivery.slots)),
        ("delivery.lease_s", 1, seconds(delivery.lease)),
        (
            "delivery.provider_timeout_ms",
            1,
            millis(delivery.provider_timeout),
        ),
        (
            "delivery.unstarted_limit_s",
            1,
            seconds(delivery.unstarted_limit),
        ),
        ("retry.max_attempts", 1, retry.max_attempts.into()),
        ("poller.relay_interval_ms", 1, millis(poller.relay_interval)),
        (
            "poller.marker_interval_ms",
            1,
            millis(poller.marker_interval),
        ),
        (
            "poller.rescue_interval_ms",
            1,
            millis(poller.rescue_interval),
        ),
        ("save.batch_rows", 1, wide(save.batch_rows)),
        ("save.batch_wait_ms", 0, millis(save.batch_wait)),
        ("sandbox.receipt_delay_ms", 0, millis(sandbox.receipt_delay)),
        (
            "sandbox.throttle_per_second",
            0,
            sandbox.throttle_per_second.into(),
        ),
        ("shutdown.drain_s", 0, seconds(shutdown.drain)),
    ];
    for (key, least, value) in ranges {
        if value < least || value > MOST {
            let rule = format!("must be from {least} to {MOST}, not {value}");
            return Err(SettingsError::rule(key, rule));
        }
    }
    Ok(())
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs()
}

fn check_lease(settings: &Settings) -> Result<(), SettingsError> {
    let delivery = &settings.delivery;
    if delivery.lease > delivery.provider_timeout + LEASE_MARGIN {
        return Ok(());
    }
    let rule = format!(
        "must exceed delivery.provider_timeout_ms ({} ms) by more than {} s, not be {} s",
        millis(delivery.provider_timeout),
        seconds(LEASE_MARGIN),
        seconds(delivery.lease),
    );
    Err(SettingsError::rule("delivery.lease_s", rule))
}
