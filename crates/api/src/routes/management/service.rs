//! Services, their safelists and senders.

mod usage;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::channel::Channel;
use carillon_core::id::{self, ServiceId};
use carillon_core::limits::Limits;
use carillon_core::limits::bounces::BounceReport;
use carillon_core::recipient::{EmailAddress, PhoneNumber};
use carillon_core::service::{NewService, RETENTION_DAYS, Service};
use carillon_store::service as store;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::parsed::{self, Parsed};
use crate::auth::Admin;
use crate::error::{FieldError, Problem};
use crate::state::State;

pub(crate) use usage::{release_brake, usage};

/// A service with what holds for it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    service: Service,
    /// Its own limits, and the usual ones where it has none.
    limits: Limits,
    email_bounces: BounceReport,
}

async fn shown(state: &State, service: Service) -> Result<HttpResponse, Problem> {
    let bounces = carillon_store::limits::bounces_of(&state.store, service.id).await?;
    let thresholds = carillon_connect::bounce_thresholds(&state.settings);
    Ok(HttpResponse::Ok().json(Shown {
        limits: state.limits.usual.of(&service),
        email_bounces: bounces.report(&thresholds),
        service,
    }))
}

/// Every service.
pub(crate) async fn list(_: Admin, state: Data<State>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(json!({ "services": store::list(&state.store).await? })))
}

/// One service.
pub(crate) async fn read(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let id: ServiceId = parsed::id(&path)?;
    let service = store::read(&state.store, id).await?;
    shown(&state, service).await
}

/// Creates a service with its default SMS sender.
pub(crate) async fn create(
    body: Parsed<NewService>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let new = body.0;
    let sms_sender = new.sms_sender();
    let service = new
        .into_service(ServiceId(id::mint()))
        .map_err(|error| Problem::field(error.field, error.message))?;
    store::create(&state.store, &service, &sms_sender).await?;
    Ok(HttpResponse::Created().json(service))
}

/// What may be changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    active: Option<bool>,
    restricted: Option<bool>,
    high_volume: Option<bool>,
    one_click_unsubscribe: Option<bool>,
    email_retention_days: Option<i32>,
    sms_retention_days: Option<i32>,
    #[serde(default, deserialize_with = "given")]
    rate_limit: Option<Option<i32>>,
    #[serde(default, deserialize_with = "given")]
    email_daily_limit: Option<Option<i32>>,
    #[serde(default, deserialize_with = "given")]
    sms_daily_limit: Option<Option<i32>>,
}

/// Tells null, which is the usual limit, from what is left out.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<i32>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Changes {
    /// What is wrong with them, field by field.
    fn errors(&self) -> Vec<FieldError> {
        let days = [
            ("email_retention_days", self.email_retention_days),
            ("sms_retention_days", self.sms_retention_days),
        ];
        let wrong = |days: &Option<i32>| days.is_some_and(|days| !RETENTION_DAYS.contains(&days));
        let limits = [
            ("rate_limit", 1, self.rate_limit),
            ("email_daily_limit", 0, self.email_daily_limit),
            ("sms_daily_limit", 0, self.sms_daily_limit),
        ];
        let limits = limits
            .into_iter()
            .filter(|(_, least, limit)| limit.flatten().is_some_and(|limit| limit < *least))
            .map(|(field, least, _)| FieldError {
                field: field.to_owned(),
                message: format!(
                    "must be from {least} to {}, or null for the usual one",
                    i32::MAX
                ),
            });
        days.iter()
            .filter(|(_, days)| wrong(days))
            .map(|(field, _)| FieldError {
                field: (*field).to_owned(),
                message: format!(
                    "must be from {} to {} days",
                    RETENTION_DAYS.start(),
                    RETENTION_DAYS.end()
                ),
            })
            .chain(limits)
            .collect()
    }
}

/// Suspends, puts on or off trial, marks as high-volume, has its e-mail carry an unsubscribe link,
/// says how long its jobs are kept, sets its limits.
pub(crate) async fn update(
    body: Parsed<Changes>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let errors = body.0.errors();
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let Changes {
        active,
        restricted,
        high_volume,
        one_click_unsubscribe,
        email_retention_days,
        sms_retention_days,
        rate_limit,
        email_daily_limit,
        sms_daily_limit,
    } = body.0;
    let changes = store::Changes {
        active,
        restricted,
        high_volume,
        one_click_unsubscribe,
        email_retention_days,
        sms_retention_days,
        rate_limit,
        email_daily_limit,
        sms_daily_limit,
    };
    let id: ServiceId = parsed::id(&path)?;
    let service = store::update(&state.store, id, &changes).await?;
    shown(&state, service).await
}

/// Recipients for the safelist.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Safelist {
    #[serde(default)]
    email_addresses: Vec<String>,
    #[serde(default)]
    phone_numbers: Vec<String>,
}

/// Adds to the safelist; nothing is added when one recipient is wrong.
pub(crate) async fn safelist(
    body: Parsed<Safelist>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let service = store::read(&state.store, parsed::id(&path)?).await?;
    let (mut recipients, mut errors) = (Vec::new(), Vec::new());
    for (i, text) in body.0.email_addresses.iter().enumerate() {
        match EmailAddress::parse(text) {
            Ok(address) => recipients.push((Channel::Email, address.normalised())),
            Err(error) => errors.push(FieldError {
                field: format!("email_addresses[{i}]"),
                message: error.to_string(),
            }),
        }
    }
    for (i, text) in body.0.phone_numbers.iter().enumerate() {
        match PhoneNumber::parse(text, &service.region) {
            Ok(number) => recipients.push((Channel::Sms, number.as_e164().to_owned())),
            Err(error) => errors.push(FieldError {
                field: format!("phone_numbers[{i}]"),
                message: error.to_string(),
            }),
        }
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    store::extend_safelist(&state.store, service.id, &recipients).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A reply-to address or SMS sender.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSender {
    channel: Channel,
    value: String,
    #[serde(default)]
    is_default: bool,
}

/// Adds a reply-to address or SMS sender.
pub(crate) async fn add_sender(
    body: Parsed<NewSender>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let NewSender {
        channel,
        value,
        is_default,
    } = body.0;
    if let Err(message) = carillon_core::service::check_sender(channel, &value) {
        return Err(Problem::field("value", message));
    }
    let service_id: ServiceId = parsed::id(&path)?;
    let id = store::add_sender(&state.store, service_id, channel, &value, is_default).await?;
    Ok(HttpResponse::Created().json(json!({
        "id": id, "channel": channel, "value": value, "is_default": is_default,
    })))
}
