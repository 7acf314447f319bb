//! `carillon provider`.

mod add;
mod change;
mod check;
mod credentials;
mod read;
mod refusal;
mod settings;
mod shares;
mod trial;
mod working;

use anyhow::{Context, anyhow};
use carillon_core::provider::ProviderSpec;
use carillon_store::Store;
use carillon_store::provider::{self, Provider as Configured};
use clap::{Args, Subcommand};

use crate::cx::Cx;

const SET_HELP: &str = "\
What is left out stays as it is. Processes follow within seconds.

Examples:
  carillon provider set sandbox-email --active false
  carillon provider set sandbox-sms --active true --weight 50
  carillon provider set relay --username ada --password-file relay.password";

const REMOVE_HELP: &str = "\
Messages that it delivered keep its name. `carillon provider set NAME --active false` takes a
provider out and keeps its settings.";

const TEST_HELP: &str = "\
Sends one message that explains itself, past all queues: it is on no timeline. Exits with 1 if the
provider does not take it. An inactive provider can be tested too.

Examples:
  carillon provider test ses ada@example.org --from team@example.org
  carillon provider test sns 07700900123";

const CHECK_HELP: &str = "\
Looks up who may send for the domain (SPF), the keys that mail is signed with (DKIM), what receivers
do with forgeries (DMARC) and where answers go, and prints the records that are missing. DNS cannot
list selectors: give the ones of your signer. Exits with 1 unless all is fine.

Examples:
  carillon provider check example.org --selector abcdefghijklmnopqrstuvwxyz234567
  carillon provider check example.org --include spf.example.net --resolver 1.1.1.1";

/// What can be done with providers.
#[derive(Subcommand)]
pub(crate) enum Provider {
    /// Add a provider, after a test message if you like
    #[command(subcommand)]
    Add(add::Add),
    /// List all providers
    List(read::List),
    /// Show a provider's settings; never its credentials
    Show(read::Show),
    /// Take a provider in or out, set its share, change its settings or credentials
    #[command(after_help = SET_HELP)]
    Set(change::Set),
    /// Send a test message through a provider
    #[command(after_help = TEST_HELP)]
    Test(trial::Test),
    /// Remove a provider with its settings and credentials
    #[command(after_help = REMOVE_HELP)]
    Remove(change::Remove),
    /// Check whether mail from a domain will be believed
    #[command(after_help = CHECK_HELP)]
    Check(check::Check),
}

impl Provider {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Add(command) => command.run(cx).await,
            Self::List(command) => command.run(cx).await,
            Self::Show(command) => command.run(cx).await,
            Self::Set(command) => command.run(cx).await,
            Self::Test(command) => command.run(cx).await,
            Self::Remove(command) => command.run(cx).await,
            Self::Check(command) => command.run(cx).await,
        }
    }
}

/// The provider that a command is about.
#[derive(Args)]
pub(crate) struct OfProvider {
    /// The provider's name, as shown by `carillon provider list`
    name: String,
}

impl OfProvider {
    /// The context of an error about it.
    fn what(&self) -> String {
        what(&self.name)
    }

    async fn read(&self, store: &Store) -> anyhow::Result<Configured> {
        provider::read(store, &self.name)
            .await
            .with_context(|| self.what())
    }

    /// Reads it with its credentials.
    async fn open(&self, store: &Store) -> anyhow::Result<ProviderSpec> {
        let provider = self.read(store).await?;
        provider.open(store).with_context(|| self.what())
    }
}

fn what(name: &str) -> String {
    format!("provider {name:?}")
}

async fn all(store: &Store) -> anyhow::Result<Vec<Configured>> {
    provider::list(store).await.context("cannot list providers")
}

/// Refuses a name that is taken, before anything is sent or asked.
fn must_be_free(name: &str, all: &[Configured]) -> anyhow::Result<()> {
    if all.iter().any(|provider| provider.name == name) {
        return Err(anyhow!(
            "{}: already exists; change it with `carillon provider set`",
            what(name)
        ));
    }
    Ok(())
}
