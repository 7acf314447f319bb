//! Opens the store and the broker as the settings say: the one place where settings meet the
//! crates that know nothing of them.

pub mod job_payloads;

use std::time::Duration;

use anyhow::Context;
use carillon_core::limits::UsualLimits;
use carillon_core::limits::bounces::Thresholds;
use carillon_runtime::settings::Settings;
use carillon_store::seal::Sealer;
use carillon_store::{Store, health, migrate};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

/// The store for a process; connects at first use.
///
/// # Errors
/// When the URL or an encryption key cannot be read.
pub fn store(settings: &Settings, process: &str) -> anyhow::Result<Store> {
    open_store(settings, process, settings.database.url.expose_secret())
}

/// The store past a pooler, for migrations.
///
/// # Errors
/// As for [`store`].
pub fn direct_store(settings: &Settings, process: &str) -> anyhow::Result<Store> {
    open_store(
        settings,
        process,
        settings.database.direct_url().expose_secret(),
    )
}

fn open_store(settings: &Settings, process: &str, url: &str) -> anyhow::Result<Store> {
    // Without keys everything works but sealing and opening secrets, which `migrate` needs not.
    let keys = match settings.security.encryption_keys {
        Some(_) => settings.security.encryption_keys()?,
        None => Vec::new(),
    };
    let database = &settings.database;
    Store::new(&carillon_store::Options {
        url: url.to_owned(),
        max_connections: database.max_connections,
        statement_timeout: database.statement_timeout,
        connect_timeout: database.connect_timeout,
        application_name: process.to_owned(),
        sealer: Sealer::new(&keys).context("security.encryption_keys")?,
    })
    .context("database.url")
}

/// How a process reaches the broker.
///
/// # Errors
/// When the URL cannot be read.
pub fn broker(settings: &Settings, process: &str) -> anyhow::Result<carillon_amqp::Options> {
    let options = carillon_amqp::Options {
        url: settings.amqp.url.expose_secret().to_owned(),
        prefix: settings.amqp.prefix.clone(),
        connection_name: process.to_owned(),
    };
    options.check().context("amqp.url")?;
    Ok(options)
}

/// What holds for services that have no limits of their own.
#[must_use]
pub fn usual_limits(settings: &Settings) -> UsualLimits {
    let limits = &settings.limits;
    UsualLimits {
        rate: limits.rate_limit,
        email_daily: limits.email_daily_limit,
        sms_daily: limits.sms_daily_limit,
        trial_daily: limits.trial_daily_limit,
    }
}

/// How much of a service's e-mail may bounce.
#[must_use]
pub fn bounce_thresholds(settings: &Settings) -> Thresholds {
    let limits = &settings.limits;
    Thresholds {
        warn_percent: limits.bounce_warn_percent,
        stop_percent: limits.bounce_stop_percent,
        least_emails: limits.bounce_least_emails,
    }
}

/// Waits until the database answers and is migrated, saying once what it waits for. Returns early
/// at shutdown.
pub async fn wait_for_database(store: &Store, shutdown: &CancellationToken) {
    let mut said = String::new();
    while !shutdown.is_cancelled() {
        let waiting_for = match (health::now(store).await, migrate::is_pending(store).await) {
            (Ok(_), Ok(false)) => return,
            (_, Ok(true)) => "migrations are outstanding: run `carillon migrate`".to_owned(),
            (Err(error), _) | (_, Err(error)) => error.to_string(),
        };
        if said != waiting_for {
            tracing::warn!(reason = waiting_for, "waiting for the database");
            said = waiting_for;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
