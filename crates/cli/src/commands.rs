//! Every command.

mod callback;
mod config;
mod doctor;
mod job;
mod key;
mod ledger;
mod migrate;
mod notification;
mod provider;
mod queues;
mod send;
mod service;
mod suppression;
mod template;
mod timeline;

use clap::Subcommand;

use crate::cx::Cx;

/// What `carillon` can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    Migrate(migrate::Migrate),
    /// Services: the tenants, with their senders and safelists
    #[command(subcommand)]
    Service(service::Service),
    /// API keys of a service
    #[command(subcommand)]
    Key(key::Key),
    /// Templates of a service
    #[command(subcommand)]
    Template(template::Template),
    /// Providers: who delivers a channel
    #[command(subcommand)]
    Provider(provider::Provider),
    /// Callbacks: where a service hears what became of its messages
    #[command(subcommand)]
    Callback(callback::Callback),
    /// Suppression: whom a service does not send to
    #[command(subcommand)]
    Suppression(suppression::Suppression),
    /// Send a message through the API, as any client would
    #[command(subcommand)]
    Send(send::Send),
    /// Jobs: mailings of up to 100,000 rows
    #[command(subcommand)]
    Job(job::Job),
    /// Messages: what an administrator decides about one
    #[command(subcommand)]
    Notification(notification::Notification),
    Timeline(timeline::Timeline),
    Ledger(ledger::Ledger),
    Queues(queues::Queues),
    Doctor(doctor::Doctor),
    /// Settings
    #[command(subcommand)]
    Config(config::Config),
}

impl Command {
    /// Carries it out and returns what belongs on stdout.
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Migrate(command) => command.run(cx).await,
            Self::Service(command) => command.run(cx).await,
            Self::Key(command) => command.run(cx).await,
            Self::Template(command) => command.run(cx).await,
            Self::Provider(command) => command.run(cx).await,
            Self::Callback(command) => command.run(cx).await,
            Self::Suppression(command) => command.run(cx).await,
            Self::Send(command) => command.run(cx).await,
            Self::Job(command) => command.run(cx).await,
            Self::Notification(command) => command.run(cx).await,
            Self::Timeline(command) => command.run(cx).await,
            Self::Ledger(command) => command.run(cx).await,
            Self::Queues(command) => command.run(cx).await,
            Self::Doctor(command) => command.run(cx).await,
            Self::Config(command) => command.run(cx),
        }
    }
}
