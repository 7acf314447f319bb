//! What proves to the API who is asking. Never an argument: those are seen by everybody on the
//! machine.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use carillon_runtime::settings;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::cx::Cx;
use crate::failure::{Fault, bad_argument};
use crate::input;

/// `--api-key-file`
#[derive(Args)]
pub(crate) struct KeyFile {
    /// The file with the service's API key, or - for stdin; the variable `API_KEY` if left out
    #[arg(long, value_name = "PATH")]
    api_key_file: Option<PathBuf>,
}

/// The value of an `Authorization` header.
#[derive(Clone)]
pub(crate) struct Credentials(SecretString);

impl KeyFile {
    /// Whether the key comes from stdin, which can be read only once.
    pub fn reads_stdin(&self) -> bool {
        self.api_key_file.as_deref().is_some_and(input::is_stdin)
    }

    /// The key.
    pub fn read(self) -> anyhow::Result<Credentials> {
        let key = match self.api_key_file {
            Some(path) => Some(input::read("--api-key-file", &path)?),
            None => variable("API_KEY"),
        };
        match key.as_deref().map(str::trim) {
            Some(key) if !key.is_empty() => Ok(Credentials(format!("ApiKey-v1 {key}").into())),
            _ => Err(bad_argument(
                "API_KEY",
                "is not set: an API key is needed, there or by --api-key-file",
            )),
        }
    }
}

impl Credentials {
    /// The administrator's token, if there is one: the variable `ADMIN_TOKEN`, else
    /// `api.admin_token` of the settings.
    pub fn find_admin(cx: &Cx) -> anyhow::Result<Option<Self>> {
        let token = match variable("ADMIN_TOKEN") {
            Some(token) => Some(token.into()),
            None => cx.settings()?.api.admin_token,
        };
        let bearer = |token: SecretString| format!("Bearer {}", token.expose_secret().trim());
        Ok(token.map(|token| Self(bearer(token).into())))
    }

    /// The administrator's token.
    pub fn admin(cx: &Cx) -> anyhow::Result<Self> {
        Self::find_admin(cx)?
            .ok_or_else(|| anyhow!("ADMIN_TOKEN is not set: the administrator's token is needed"))
            .context(Fault::Configuration)
    }

    /// The header's value.
    pub fn header(&self) -> &SecretString {
        &self.0
    }
}

/// A variable that is no setting; an empty one counts as not set.
fn variable(name: &str) -> Option<String> {
    settings::environment()
        .find(|(known, value)| known == name && !value.is_empty())
        .map(|(_, value)| value)
}
