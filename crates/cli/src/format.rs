//! Text for people, JSON for scripts.

use clap::{Args, ValueEnum};
use serde::Serialize;

/// `--format`, of commands that print facts.
#[derive(Args, Clone, Copy)]
pub(crate) struct Output {
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,
}

/// How a result is printed.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For scripts: the bodies of the management API
    Json,
}

impl Output {
    /// The one of both that was asked for.
    pub fn render(
        self,
        text: impl FnOnce() -> String,
        json: impl Serialize,
    ) -> anyhow::Result<String> {
        match self.format {
            Format::Text => Ok(text()),
            Format::Json => Ok(serde_json::to_string_pretty(&json)?),
        }
    }
}
