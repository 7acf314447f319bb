//! What a process is told: compiled-in defaults, then a file, then the environment.
//!
//! Each layer replaces single keys of the one below. A key that means nothing is refused by its
//! name in every layer, because a misspelt setting is one that silently does not apply.
//! `settings/default.toml` describes every key.

mod api;
mod callbacks;
mod described;
mod duration;
mod error;
mod jobs;
mod limits;
mod pipeline;
mod process;
mod receipts;
mod rules;
mod sandbox;
mod secret;
mod security;
mod servers;
mod variables;

use std::fs;
use std::path::Path;

use config::{Config, File, FileFormat};
use serde::{Deserialize, Serialize};

pub use api::Api;
pub use callbacks::Callbacks;
pub use described::{Described, Kind};
pub use error::SettingsError;
pub use jobs::Jobs;
pub use limits::Limits;
pub use pipeline::{Delivery, Email, Poller, Retry, Save, Sending};
pub use process::{HealthListener, LogFormat, Logging, Shutdown};
pub use receipts::Receipts;
pub use sandbox::Sandbox;
pub use secret::REDACTED;
pub use security::Security;
pub use servers::{Amqp, Database};
pub use variables::environment;

const DEFAULTS: &str = include_str!("settings/default.toml");

/// Everything a process can be told, by section. Built by [`Settings::load`] only, so that
/// whoever holds one knows that it is valid.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// PostgreSQL.
    pub database: Database,
    /// RabbitMQ.
    pub amqp: Amqp,
    /// The HTTP API.
    pub api: Api,
    /// Where health and metrics are served.
    pub health: HealthListener,
    /// Keys that seal secrets at rest.
    pub security: Security,
    /// E-mail of services.
    pub email: Email,
    /// Handing messages to providers.
    pub delivery: Delivery,
    /// Ending what stays open.
    pub sending: Sending,
    /// Trying again.
    pub retry: Retry,
    /// Relaying and rescuing.
    pub poller: Poller,
    /// Saving accepted messages.
    pub save: Save,
    /// Mailings of one request.
    pub jobs: Jobs,
    /// What services may do.
    pub limits: Limits,
    /// Calls to services.
    pub callbacks: Callbacks,
    /// Whose receipts are taken.
    pub receipts: Receipts,
    /// The stand-in provider.
    pub sandbox: Sandbox,
    /// Logs.
    pub telemetry: Logging,
    /// The end of a process.
    pub shutdown: Shutdown,
    /// Whether required keys may be missing: see [`Settings::load_partial`].
    #[serde(skip)]
    is_partial: bool,
}

impl Settings {
    /// Reads all layers: the compiled-in defaults, `file` (TOML) above them, and on top `env`,
    /// which is [`environment`] outside tests.
    ///
    /// # Errors
    /// The first thing wrong, in one line that names the key or the variable.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let settings = Self::read(file, env)?;
        rules::check(&settings)?;
        Ok(settings)
    }

    /// Like [`Settings::load`], but `database.url` and `amqp.url` may be missing and are then
    /// empty: for commands that need one server or none, such as migrating or printing settings.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_partial(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let settings = Self {
            is_partial: true,
            ..Self::read(file, env)?
        };
        rules::check(&settings)?;
        Ok(settings)
    }

    fn read(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let variables = variables::Variables::read(env)?;
        let mut layers = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(path) = file {
            check_syntax(path)?;
            layers = layers.add_source(File::from(path).format(FileFormat::Toml));
        }
        Ok(layers.add_source(variables).build()?.try_deserialize()?)
    }

    /// The settings as TOML that could be given by `--config`, with [`REDACTED`] for secrets.
    #[must_use]
    pub fn printable(&self) -> String {
        toml::to_string(self).expect("settings consist of sections of plain, bounded values")
    }

    /// The name of every environment variable that is understood.
    #[must_use]
    pub fn variables() -> Vec<String> {
        variables::all()
    }
}

/// Refuses what is not TOML without quoting it, unlike the parser's own message: the line that
/// is wrong may be the one with the password.
fn check_syntax(path: &Path) -> Result<(), SettingsError> {
    let text = fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
        path: path.to_owned(),
        from: "--config".to_owned(),
        source,
    })?;
    let Err(error) = text.parse::<toml::Table>() else {
        return Ok(());
    };
    let start = error.span().map_or(0, |span| span.start);
    let line = 1 + text
        .bytes()
        .take(start)
        .filter(|byte| *byte == b'\n')
        .count();
    let message = error.message().replace('\n', ", ");
    Err(SettingsError::Syntax {
        path: path.to_owned(),
        line,
        message,
    })
}

#[cfg(test)]
mod tests;
