//! `carillon callback`.

mod add;
mod change;
mod event;
mod read;
mod replay;
mod secret;
mod trial;

use anyhow::Context;
use carillon_core::id::CallbackId;
use carillon_core::service::BadField;
use carillon_core::webhook::CallbackKind;
use carillon_providers::egress::EgressPolicy;
use carillon_providers::webhook::registration::{check_token, check_url};
use carillon_runtime::settings::Settings;
use carillon_store::Store;
use carillon_store::callback::management::{self, Callback as Registered};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::service::OfService;
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::parse;

/// Holds the bearer token for commands that are given none.
const TOKEN: &str = "CARILLON_CALLBACK_TOKEN";

const ADD_HELP: &str = "\
The bearer token, which the service chooses and calls carry, comes from --token-file or
CARILLON_CALLBACK_TOKEN. The secret that signs calls is printed, this once.

Example:
  carillon callback add 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --kind delivery-status \\
      --url https://example.org/notify --token-file token";

const UPDATE_HELP: &str = "\
What is left out stays as it is. --active true also forgets failures and why it was not called.

Examples:
  carillon callback update SERVICE_ID CALLBACK_ID --active true
  carillon callback update SERVICE_ID CALLBACK_ID --url https://example.org/new --token-file -";

const REMOVE_HELP: &str = "\
What it was not told yet is never told. What was told stays on record until its messages are deleted.";

const ROTATE_HELP: &str = "\
Calls are signed with the new secret and the one before it, so that the receiver can change over.
--retire ends that: only the newest secret goes on signing, and none is made.";

const TEST_HELP: &str = "\
Calls the URL once with {\"health_check\":\"true\"}, past all queues. Exits with 1 if it is not
answered with success. A callback that is switched off can be tested too.";

const REPLAY_HELP: &str = "\
Events are told again from the first step of the schedule, with the webhook-id they had, so that a
receiver knows them again. What is still being told is left to it.

Examples:
  carillon callback replay SERVICE_ID CALLBACK_ID --since 2026-01-31T08:00:00Z --only-failed
  carillon callback replay SERVICE_ID CALLBACK_ID --event 0198c6a2-5d3e-7b12-8f60-3c1a5e8d7f42";

/// What can be done with callbacks.
#[derive(Subcommand)]
pub(crate) enum Callback {
    /// Register a URL, and print the secret that signs calls
    #[command(after_help = ADD_HELP)]
    Add(add::Add),
    /// List a service's callbacks
    List(read::List),
    /// Show a callback and how far it is; never its token or secrets
    Show(read::Show),
    /// Change the URL or the token, or switch it off or on
    #[command(after_help = UPDATE_HELP)]
    Update(change::Update),
    /// Remove a callback
    #[command(after_help = REMOVE_HELP)]
    Remove(change::Remove),
    /// Make a new signing secret, or end the overlap with the one before
    #[command(after_help = ROTATE_HELP)]
    RotateSecret(secret::RotateSecret),
    /// Call the URL once
    #[command(after_help = TEST_HELP)]
    Test(trial::Test),
    /// List what it was told, those of the newest messages first
    Events(event::Events),
    /// Show every call for one event
    Attempts(event::Attempts),
    /// Have events told again
    #[command(after_help = REPLAY_HELP)]
    Replay(replay::Replay),
}

impl Callback {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Add(command) => command.run(cx).await,
            Self::List(command) => command.run(cx).await,
            Self::Show(command) => command.run(cx).await,
            Self::Update(command) => command.run(cx).await,
            Self::Remove(command) => command.run(cx).await,
            Self::RotateSecret(command) => command.run(cx).await,
            Self::Test(command) => command.run(cx).await,
            Self::Events(command) => command.run(cx).await,
            Self::Attempts(command) => command.run(cx).await,
            Self::Replay(command) => command.run(cx).await,
        }
    }
}

/// The callback that a command is about.
#[derive(Args)]
pub(crate) struct OfCallback {
    #[command(flatten)]
    of: OfService,
    /// The callback's id, as shown by `carillon callback list`
    #[arg(value_name = "CALLBACK_ID", value_parser = parse::id::<CallbackId>)]
    callback_id: CallbackId,
}

impl OfCallback {
    /// The context of an error about it.
    fn what(&self) -> String {
        format!("{} and callback {}", self.of.what(), self.callback_id)
    }

    async fn read(&self, store: &Store) -> anyhow::Result<Registered> {
        management::read(store, self.of.service_id, self.callback_id)
            .await
            .with_context(|| self.what())
    }
}

/// `delivery-status` or `complaint`.
fn kind() -> impl TypedValueParser<Value = CallbackKind> {
    PossibleValuesParser::new(CallbackKind::ALL.iter().map(|kind| kind.as_str()))
        .try_map(|text| text.parse::<CallbackKind>())
}

fn policy(settings: &Settings) -> EgressPolicy {
    EgressPolicy {
        allow_private: settings.callbacks.allow_private_targets,
    }
}

fn checked_url(text: &str, policy: EgressPolicy) -> anyhow::Result<String> {
    check_url(text, policy).map_err(|BadField { message, .. }| bad_argument("--url", message))
}

fn checked_token(text: String) -> anyhow::Result<String> {
    check_token(&text).map_err(|BadField { message, .. }| bad_argument("--token-file", message))?;
    Ok(text)
}
