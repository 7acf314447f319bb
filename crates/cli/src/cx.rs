//! What a command is given: the settings, and the ways to the two servers.

use std::path::PathBuf;

use anyhow::Context;
use carillon_amqp::Options as Broker;
use carillon_connect as connect;
use carillon_runtime::settings::{self, Settings, SettingsError};
use carillon_store::Store;
use secrecy::{ExposeSecret, SecretString};

use crate::failure::Fault;

/// The name under which the servers list our connections.
const PROCESS: &str = "carillon";

/// Reads settings when a command asks for them, and only requires what that command needs.
pub(crate) struct Cx {
    config: Option<PathBuf>,
}

impl Cx {
    pub fn new(config: Option<PathBuf>) -> Self {
        Self { config }
    }

    /// The settings, of which URLs may be missing.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        Settings::load_partial(self.config.as_deref(), settings::environment())
            .context(Fault::Configuration)
    }

    /// The settings as a process would load them: nothing may be missing.
    pub fn complete_settings(&self) -> anyhow::Result<Settings> {
        Settings::load(self.config.as_deref(), settings::environment())
            .context(Fault::Configuration)
    }

    /// The database; connects at first use.
    pub fn store(&self) -> anyhow::Result<Store> {
        let settings = self.settings()?;
        require("database.url", "DATABASE_URL", &settings.database.url)?;
        connect::store(&settings, PROCESS).context(Fault::Configuration)
    }

    /// The database, for a command that seals or opens secrets.
    pub fn store_with_keys(&self) -> anyhow::Result<Store> {
        let keys = self.settings()?.security.encryption_keys();
        keys.context(Fault::Configuration)?;
        self.store()
    }

    /// The database past a pooler, for migrations.
    pub fn direct_store(&self) -> anyhow::Result<Store> {
        let settings = self.settings()?;
        require(
            "database.url",
            "DATABASE_URL",
            settings.database.direct_url(),
        )?;
        connect::direct_store(&settings, PROCESS).context(Fault::Configuration)
    }

    /// How to reach the broker.
    pub fn broker(&self) -> anyhow::Result<Broker> {
        let settings = self.settings()?;
        require("amqp.url", "AMQP_URL", &settings.amqp.url)?;
        connect::broker(&settings, PROCESS).context(Fault::Configuration)
    }
}

fn require(key: &'static str, variable: &str, url: &SecretString) -> anyhow::Result<()> {
    if !url.expose_secret().is_empty() {
        return Ok(());
    }
    let variable = variable.to_owned();
    Err(SettingsError::Missing { key, variable }).context(Fault::Configuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_url_is_named_and_counts_as_bad_configuration() {
        let error = require("amqp.url", "AMQP_URL", &SecretString::from("")).expect_err("missing");
        assert!(matches!(error.downcast_ref(), Some(Fault::Configuration)));
        let text = format!("{error:#}");
        assert!(text.contains("amqp.url is missing: set AMQP_URL"), "{text}");
    }
}
