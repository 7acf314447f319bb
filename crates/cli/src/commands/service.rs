//! `carillon service`.

mod change;
mod create;
mod demo;
mod read;
mod release;
mod usage;

use anyhow::Context;
use carillon_core::id::ServiceId;
use carillon_core::service::Service as Tenant;
use carillon_store::{Store, service};
use clap::{Args, Subcommand};

use crate::cx::Cx;
use crate::parse;

/// What can be done with services.
#[derive(Subcommand)]
pub(crate) enum Service {
    Create(create::Create),
    List(read::List),
    Show(read::Show),
    #[command(alias = "change")]
    Update(change::Update),
    Usage(usage::ShowUsage),
    ReleaseBrake(release::ReleaseBrake),
    Safelist(change::Safelist),
    AddSender(change::AddSender),
    Demo(demo::Demo),
}

impl Service {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Create(command) => command.run(cx).await,
            Self::List(command) => command.run(cx).await,
            Self::Show(command) => command.run(cx).await,
            Self::Update(command) => command.run(cx).await,
            Self::Usage(command) => command.run(cx).await,
            Self::ReleaseBrake(command) => command.run(cx).await,
            Self::Safelist(command) => command.run(cx).await,
            Self::AddSender(command) => command.run(cx).await,
            Self::Demo(command) => command.run(cx).await,
        }
    }
}

/// The service that a command is about.
#[derive(Args)]
pub(crate) struct OfService {
    /// The service's id, as shown by `carillon service list`
    #[arg(value_name = "SERVICE_ID", value_parser = parse::id::<ServiceId>)]
    pub service_id: ServiceId,
}

impl OfService {
    /// The context of an error about it.
    pub fn what(&self) -> String {
        format!("service {}", self.service_id)
    }

    /// Reads it.
    pub async fn read(&self, store: &Store) -> anyhow::Result<Tenant> {
        service::read(store, self.service_id)
            .await
            .with_context(|| self.what())
    }
}

/// The service that a list may be narrowed to.
#[derive(Args)]
pub(crate) struct OnlyService {
    /// Only this service's
    #[arg(long = "service", value_name = "SERVICE_ID", value_parser = parse::id::<ServiceId>)]
    pub id: Option<ServiceId>,
}

impl OnlyService {
    /// Refuses one that does not exist: its list would be empty, as if it had done nothing.
    pub async fn must_exist(&self, store: &Store) -> anyhow::Result<()> {
        if let Some(service_id) = self.id {
            OfService { service_id }.read(store).await?;
        }
        Ok(())
    }
}
