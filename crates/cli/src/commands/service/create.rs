//! `carillon service create`.

use anyhow::Context;
use carillon_core::id::{self, ServiceId};
use carillon_core::service::{BadField, NewService, Service};
use carillon_store::{Store, service};
use clap::Args;

use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::format::Output;

const AFTER_HELP: &str = "\
Examples:
  carillon service create 'City of Ely'
  carillon service create 'City of Ely' --email-from ely --sms-sender ELY --trial";

/// Create a service, with its SMS sender
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Create {
    /// Its name, which recipients of e-mail see as the sender
    name: String,
    /// The part of its e-mail address before the @; made from the name if left out
    #[arg(long, value_name = "LOCAL")]
    email_from: Option<String>,
    /// The sender of its text messages; made from the name if left out
    #[arg(long, value_name = "SENDER")]
    sms_sender: Option<String>,
    /// The region in which national phone numbers are read
    #[arg(long, default_value = "GB")]
    region: String,
    /// Starts on trial: reaches its safelist only
    #[arg(long)]
    trial: bool,
    /// Has an inbox of its own, so that it delays nobody
    #[arg(long)]
    high_volume: bool,
    #[command(flatten)]
    output: Output,
}

impl Create {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            name,
            email_from,
            sms_sender,
            region,
            trial,
            high_volume,
            output,
        } = self;
        let region = Some(region);
        let new = NewService {
            name,
            email_from,
            sms_sender,
            region,
            restricted: trial,
            high_volume,
        };
        let service = create(&cx.store()?, new).await?;
        output.render(|| format!("created service {}", service.id), &service)
    }
}

/// Creates a service with its default SMS sender.
pub(super) async fn create(store: &Store, new: NewService) -> anyhow::Result<Service> {
    let sms_sender = new.sms_sender();
    let service = new.into_service(ServiceId(id::mint())).map_err(refused)?;
    service::create(store, &service, &sms_sender)
        .await
        .with_context(|| format!("service {:?}", service.name))?;
    Ok(service)
}

/// Names the argument that the field was given by.
fn refused(BadField { field, message }: BadField) -> anyhow::Error {
    match field {
        "name" => bad_argument("NAME", message),
        field => bad_argument(&format!("--{}", field.replace('_', "-")), message),
    }
}
