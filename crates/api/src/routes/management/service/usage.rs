//! What a service has used of its limits, and letting its e-mail go on.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::channel::Channel;
use carillon_core::id::ServiceId;
use carillon_core::limits::usage::Usage;
use carillon_store::{limits, service};
use serde::{Deserialize, Serialize};

use crate::auth::Admin;
use crate::error::Problem;
use crate::routes::management::parsed::{self, Parsed};
use crate::state::State;

/// Brakes that are shown.
const BRAKES: i64 = 20;

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    usage: Usage,
    /// The last times that its e-mail was stopped, newest first.
    brakes: Vec<limits::Brake>,
}

/// Today's counts with what is left of them, the bounces of 24 hours, and the last brakes.
pub(crate) async fn usage(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (store, id): (_, ServiceId) = (&state.store, parsed::id(&path)?);
    let of = state.limits.usual.of(&service::read(store, id).await?);
    let email = limits::today(store, id, Channel::Email).await?;
    let sms = limits::today(store, id, Channel::Sms).await?;
    let bounces = limits::bounces_of(store, id).await?;
    let thresholds = carillon_connect::bounce_thresholds(&state.settings);
    let usage = Usage::of(email.day, &of, (email.n, sms.n), bounces, &thresholds);
    let brakes = limits::brakes_of(store, id, BRAKES).await?;
    Ok(HttpResponse::Ok().json(Shown { usage, brakes }))
}

/// Why it may go on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    reason: String,
}

/// Lets the e-mail of a service go on that was stopped for its bounces.
pub(crate) async fn release_brake(
    body: Parsed<Release>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let reason = body.0.reason.trim();
    if reason.is_empty() || reason.chars().count() > 1_000 {
        return Err(Problem::field("reason", "must have 1 to 1000 characters"));
    }
    let id: ServiceId = parsed::id(&path)?;
    service::read(&state.store, id).await?;
    if !limits::release(&state.store, id, "api", reason).await? {
        return Err(Problem::conflict(
            "There is nothing to release",
            "the service's e-mail is not stopped",
        ));
    }
    tracing::warn!(service.id = %id, "the brake on a service's e-mail is released");
    super::shown(&state, service::read(&state.store, id).await?).await
}
