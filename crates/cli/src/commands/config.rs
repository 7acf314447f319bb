//! `carillon config`.

use anyhow::Context;
use carillon_connect as connect;
use carillon_runtime::Settings;
use clap::{Args, Subcommand};

use crate::cx::Cx;
use crate::failure::Fault;
use crate::format::{Format, Output};

const CHECK_HELP: &str = "\
Looks at the values only and reaches no server. Prints ok, or the first thing that is wrong and
exits with 78.

Example:
  carillon config check --config carillon.toml";

const PRINT_HELP: &str = "\
Secrets are shown as [redacted]; replace those before the output is given to --config.

Examples:
  carillon config print --config carillon.toml
  carillon config print --schema | grep DATABASE
  carillon config print --schema --format json | jq '.[] | select(.is_secret) | .key'";

/// What can be done with settings.
#[derive(Subcommand)]
pub(crate) enum Config {
    /// Check that a process could start with these settings
    #[command(after_help = CHECK_HELP)]
    Check,
    /// Print the settings as they apply, without secrets
    #[command(after_help = PRINT_HELP)]
    Print(Print),
}

impl Config {
    pub fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Check => check(&cx.complete_settings()?).context(Fault::Configuration),
            Self::Print(Print {
                schema: true,
                format,
            }) => {
                let format = format.unwrap_or_default();
                Output { format }.render(|| Settings::variables().join("\n"), Settings::described())
            }
            Self::Print(Print { schema: false, .. }) => Ok(cx.settings()?.printable()),
        }
    }
}

#[derive(Args)]
pub(crate) struct Print {
    /// Print the name of every environment variable that is understood instead
    #[arg(long)]
    schema: bool,
    /// How they are printed; as JSON with the key, type, default and description of each setting
    #[arg(long, value_enum, value_name = "FORMAT", requires = "schema")]
    format: Option<Format>,
}

fn check(settings: &Settings) -> anyhow::Result<String> {
    connect::store(settings, "carillon")?;
    if settings.database.direct_url.is_some() {
        connect::direct_store(settings, "carillon").context("database.direct_url")?;
    }
    connect::broker(settings, "carillon")?;
    connect::job_payloads::JobPayloads::check(settings)?;
    Ok("ok".to_owned())
}
