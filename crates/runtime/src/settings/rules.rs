//! What must hold beyond the type of a value.

use std::time::Duration;

use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use super::{Limits, Settings, SettingsError, jobs};

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
    check_linger(settings)?;
    let Settings {
        callbacks,
        retry,
        security,
        telemetry,
        ..
    } = settings;
    check_scale("retry.scale", retry.scale)?;
    check_scale("callbacks.retry_scale", callbacks.retry_scale)?;
    check_give_up(settings)?;
    check_limits(&settings.limits)?;
    jobs::check(&settings.jobs)?;
    check_chunk_lease(settings)?;
    settings.receipts.sns_topics()?;
    if security.encryption_keys.is_some() {
        security.encryption_keys()?;
    }
    EnvFilter::try_new(&telemetry.filter)
        .map(drop)
        .map_err(|error| SettingsError::rule("telemetry.filter", error.to_string()))
}

/// What begins while the API lingers must find time to end.
fn check_linger(settings: &Settings) -> Result<(), SettingsError> {
    let (linger, drain) = (settings.api.linger, settings.shutdown.drain);
    if linger.is_zero() || linger < drain {
        return Ok(());
    }
    let (linger, drain) = (millis(linger), seconds(drain));
    let rule = format!("must be less than shutdown.drain_s ({drain} s) or 0, not {linger}");
    Err(SettingsError::rule("api.linger_ms", rule))
}

/// A statement that saves a chunk must have ended before the chunk is another's.
fn check_chunk_lease(settings: &Settings) -> Result<(), SettingsError> {
    let (lease, longest) = (
        settings.jobs.chunk_lease,
        settings.database.statement_timeout,
    );
    if lease > longest {
        return Ok(());
    }
    let (lease, longest) = (lease.as_secs(), longest.as_millis());
    let rule =
        format!("must be more than database.statement_timeout_ms ({longest}), not {lease} s");
    Err(SettingsError::rule("jobs.chunk_lease_s", rule))
}

fn check_scale(key: &'static str, scale: f64) -> Result<(), SettingsError> {
    // Written so that NaN is refused as well.
    if scale > 0.0 && scale <= 1.0 {
        return Ok(());
    }
    let rule = format!("must be above 0 and at most 1, not {scale}");
    Err(SettingsError::rule(key, rule))
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
        callbacks,
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
        ("api.linger_ms", 0, millis(api.linger)),
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
        (
            "delivery.breaker_failures",
            1,
            delivery.breaker_failures.into(),
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
        ("callbacks.timeout_ms", 1, millis(callbacks.timeout)),
        ("callbacks.in_flight", 1, wide(callbacks.in_flight)),
        (
            "callbacks.in_flight_per_endpoint",
            1,
            wide(callbacks.in_flight_per_endpoint),
        ),
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

/// Longer than messages are kept makes no sense.
const LONGEST_OPEN_H: u64 = 500;

fn check_give_up(settings: &Settings) -> Result<(), SettingsError> {
    let hours = seconds(settings.sending.give_up_after) / 3_600;
    if (1..=LONGEST_OPEN_H).contains(&hours) {
        return Ok(());
    }
    let rule = format!("must be from 1 to {LONGEST_OPEN_H}, not {hours}");
    Err(SettingsError::rule("sending.give_up_after_h", rule))
}

fn check_limits(limits: &Limits) -> Result<(), SettingsError> {
    // As what a service may have of its own.
    let most = i32::MAX.unsigned_abs();
    let (warn, stop) = (limits.bounce_warn_percent, limits.bounce_stop_percent);
    let ranges = [
        ("limits.rate_limit", 1, most, limits.rate_limit),
        (
            "limits.email_daily_limit",
            0,
            most,
            limits.email_daily_limit,
        ),
        ("limits.sms_daily_limit", 0, most, limits.sms_daily_limit),
        (
            "limits.trial_daily_limit",
            0,
            most,
            limits.trial_daily_limit,
        ),
        ("limits.bounce_stop_percent", 1, 100, stop),
        ("limits.bounce_warn_percent", 1, stop, warn),
        (
            "limits.bounce_least_emails",
            1,
            most,
            limits.bounce_least_emails,
        ),
    ];
    for (key, least, most, value) in ranges {
        if value < least || value > most {
            let rule = format!("must be from {least} to {most}, not {value}");
            return Err(SettingsError::rule(key, rule));
        }
    }
    Ok(())
}

fn check_lease(settings: &Settings) -> Result<(), SettingsError> {
    let lease = settings.delivery.lease;
    let calls = [
        (
            "delivery.provider_timeout_ms",
            settings.delivery.provider_timeout,
        ),
        ("callbacks.timeout_ms", settings.callbacks.timeout),
    ];
    for (key, timeout) in calls {
        if lease <= timeout + LEASE_MARGIN {
            let rule = format!(
                "must exceed {key} ({} ms) by more than {} s, not be {} s",
                millis(timeout),
                seconds(LEASE_MARGIN),
                seconds(lease),
            );
            return Err(SettingsError::rule("delivery.lease_s", rule));
        }
    }
    Ok(())
}
