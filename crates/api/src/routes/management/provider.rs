//! Providers: who delivers a channel. Credentials go in and never come back.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::provider::{NewProvider, ProviderSpec};
use carillon_core::service::BadField;
use carillon_providers::connect::changes::Changes;
use carillon_providers::connect::connect;
use carillon_providers::connect::trial::{BadTrial, Trial};
use carillon_store::provider::{self as store, Provider};
use serde::Deserialize;
use serde_json::{Value, json};

use super::parsed::Parsed;
use crate::auth::Admin;
use crate::error::{FieldError, Problem};
use crate::state::State;

/// Every provider, by name.
pub(crate) async fn list(_: Admin, state: Data<State>) -> Result<HttpResponse, Problem> {
    let providers = store::list(&state.store).await?;
    let providers: Vec<_> = providers.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "providers": providers })))
}

/// One provider.
pub(crate) async fn read(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let provider = store::read(&state.store, &path).await?;
    Ok(HttpResponse::Ok().json(shown(&provider)))
}

/// Adds a provider.
pub(crate) async fn create(
    body: Parsed<NewProvider>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let spec = body.0.check().map_err(invalid)?;
    let provider = store::create(&state.store, &spec).await?;
    Ok(HttpResponse::Created().json(shown(&provider)))
}

/// Changes what is given; processes follow within seconds.
pub(crate) async fn update(
    body: Parsed<Changes>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let spec = open(&state, &path).await?;
    let spec = body.0.apply(spec).map_err(invalid)?;
    let provider = store::update(&state.store, &spec).await?;
    Ok(HttpResponse::Ok().json(shown(&provider)))
}

/// Removes a provider, even the last one of its channel.
pub(crate) async fn remove(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    store::remove(&state.store, &path).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whom a test message goes to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    recipient: String,
    from: Option<String>,
}

/// Sends a test message past all queues. What came of it is the answer, whatever it is.
pub(crate) async fn test(
    body: Parsed<Test>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let Test { recipient, from } = body.0;
    let spec = open(&state, &path).await?;
    let settings = &state.settings;
    let from = from.unwrap_or_else(|| format!("carillon@{}", settings.email.domain));
    let trial = Trial::new(spec.channel, &recipient, &from).map_err(|error| match error {
        BadTrial::Recipient(message) => Problem::field("recipient", message),
        BadTrial::From => Problem::field("from", error.to_string()),
    })?;
    let timeout = settings.delivery.provider_timeout;
    let provider = connect(&spec, &settings.sandbox.url, timeout)
        .await
        .map_err(|error| Problem::field("settings", error.to_string()))?;
    Ok(HttpResponse::Ok().json(trial.send(&*provider, spec.channel).await))
}

async fn open(state: &State, name: &str) -> Result<ProviderSpec, Problem> {
    let provider = store::read(&state.store, name).await?;
    Ok(provider.open(&state.store)?)
}

fn shown(provider: &Provider) -> Value {
    json!({
        "name": provider.name, "kind": provider.kind, "channel": provider.channel,
        "active": provider.active, "weight": provider.weight, "settings": provider.settings,
        "has_credentials": provider.has_credentials(), "updated_at": provider.updated_at,
    })
}

fn invalid(fields: Vec<BadField>) -> Problem {
    let errors = fields
        .into_iter()
        .map(|BadField { field, message }| FieldError {
            field: field.to_owned(),
            message,
        });
    Problem::invalid(errors.collect())
}
