//! `carillon provider`.

mod add;
mod carry_out;
mod change;
mod check;
mod credentials;
mod history;
mod read;
mod refusal;
mod settings;
mod shares;
mod trial;
mod weigh;
mod working;

use anyhow::{Context, anyhow};
use carillon_core::provider::ProviderSpec;
use carillon_core::provider::changes::check_reason;
use carillon_store::provider::{self, By, Provider as Configured};
use carillon_store::{Error, Store};
use clap::{Args, Subcommand};

use super::template::AUTHOR;
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

const WEIGH_HELP: &str = "\
Weights are shares: with 80 and 20, four messages in five go to the first. The weight that is given is
also where it rests: balancing takes weight from slow providers and gives it back.

Example:
  carillon provider weigh ses 20 --reason 'warming up'";

const DRAIN_HELP: &str = "\
It gets no new messages; receipts of those that it has are taken as ever. `carillon provider weigh`
gives it a share again.";

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
    /// Set a provider's share of its channel
    #[command(after_help = WEIGH_HELP)]
    Weigh(weigh::Weigh),
    /// Give a provider no new messages, and say how many are still with it
    #[command(after_help = DRAIN_HELP)]
    Drain(weigh::Drain),
    /// Take a provider in, with the share that it had
    Enable(weigh::Enable),
    /// Take a provider out; its settings and its share stay
    Disable(weigh::Disable),
    /// Show what was changed of a provider, by whom and why
    History(history::History),
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
            Self::Weigh(command) => command.run(cx).await,
            Self::Drain(command) => command.run(cx).await,
            Self::Enable(command) => command.run(cx).await,
            Self::Disable(command) => command.run(cx).await,
            Self::History(command) => command.run(cx).await,
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

/// Why something is done, for a history.
#[derive(Args)]
pub(crate) struct Why {
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

impl Why {
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    fn by(&self) -> By<'_> {
        By {
            actor: AUTHOR,
            reason: self.reason(),
        }
    }
}

fn reason(text: &str) -> Result<String, String> {
    match check_reason(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => Err(error.message),
    }
}

/// An error, and for the last provider of a channel what to do all the same.
fn or_force(error: Error) -> anyhow::Error {
    match error {
        Error::LastOfChannel(_) => anyhow!("{error}; --force does it all the same"),
        error => error.into(),
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
