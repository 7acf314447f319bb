//! Providers: who delivers a channel. Credentials go in and never come back.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::provider::changes::{Changes, check_reason};
use carillon_core::provider::share::Share;
use carillon_core::provider::{NewProvider, ProviderSpec};
use carillon_core::service::BadField;
use carillon_providers::connect::connect;
use carillon_providers::connect::trial::{BadTrial, Trial};
use carillon_providers::provider::Provider;
use carillon_store::Error;
use carillon_store::provider::{self as store, By};
use serde::Deserialize;
use serde_json::json;

use super::parsed::Parsed;
use super::template::AUTHOR;
use crate::auth::Admin;
use crate::error::{FieldError, Problem};
use crate::state::State;

/// Every provider, by name.
pub(crate) async fn list(_: Admin, state: Data<State>) -> Result<HttpResponse, Problem> {
    let providers = store::list(&state.store).await?;
    let providers: Vec<_> = providers.iter().map(store::Provider::to_json).collect();
    Ok(HttpResponse::Ok().json(json!({ "providers": providers })))
}

/// One provider.
pub(crate) async fn read(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let provider = store::read(&state.store, &path).await?;
    Ok(HttpResponse::Ok().json(provider.to_json()))
}

/// The most changes that are shown.
const HISTORY: i64 = 500;

/// The latest changes of a provider, newest first; also of one that was removed.
pub(crate) async fn history(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let changes = store::history(&state.store, &path, HISTORY).await?;
    Ok(HttpResponse::Ok().json(json!({ "changes": changes })))
}

/// Adds a provider.
pub(crate) async fn create(
    body: Parsed<NewProvider>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let spec = body.0.check().map_err(invalid)?;
    connected(&state, &spec).await?;
    let provider = store::create(&state.store, &spec, by(None)).await?;
    Ok(HttpResponse::Created().json(provider.to_json()))
}

/// Changes what is given; processes follow within seconds. Of a provider that takes messages no more
/// the answer says how many are still with it, if that can be told.
pub(crate) async fn update(
    body: Parsed<Changes>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let before = store::read(&state.store, &path).await?;
    let (reason, force) = (body.0.reason.clone(), body.0.force);
    let after = body.0.apply(before.current()).map_err(invalid)?;
    if after.must_connect(before.current()) {
        connected(&state, &after.spec(before.current())).await?;
    }
    let why = by(reason.as_deref());
    let provider = store::update(&state.store, &before, &after, why, force)
        .await
        .map_err(|error| last("\"force\": true changes it all the same", error))?;
    let mut json = provider.to_json();
    if Share::from(&before).takes() && !Share::from(&provider).takes() {
        let n_with_it = store::n_with_it(&state.store, &provider.name).await;
        json["n_with_it"] = json!(n_with_it.ok());
    }
    Ok(HttpResponse::Ok().json(json))
}

/// What a removal is asked for with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    /// Remove it although nobody else delivers its channel.
    #[serde(default)]
    force: bool,
    /// Why, for its history.
    reason: Option<String>,
}

/// Removes a provider; the last active one of its channel only by force.
pub(crate) async fn remove(
    _: Admin,
    path: Path<String>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let Query(Removal { force, reason }) = Query::from_query(request.query_string())
        .map_err(|error| Problem::field("query", error.to_string()))?;
    if let Some(Err(error)) = reason.as_deref().map(check_reason) {
        return Err(invalid(vec![error]));
    }
    store::remove(&state.store, &path, by(reason.as_deref()), force)
        .await
        .map_err(|error| last("?force=true removes it all the same", error))?;
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
    let spec = store::read(&state.store, &path).await?.open(&state.store)?;
    let from = from.unwrap_or_else(|| format!("carillon@{}", state.settings.email.domain));
    let trial = Trial::new(spec.channel, &recipient, &from).map_err(|error| match error {
        BadTrial::Recipient(message) => Problem::field("recipient", message),
        BadTrial::From => Problem::field("from", error.to_string()),
    })?;
    let provider = connected(&state, &spec).await?;
    Ok(HttpResponse::Ok().json(trial.send(&*provider, spec.channel).await))
}

/// The client of a provider; nothing is sent. Whoever has none could take no message.
async fn connected(state: &State, spec: &ProviderSpec) -> Result<Box<dyn Provider>, Problem> {
    let settings = &state.settings;
    let timeout = settings.delivery.provider_timeout;
    connect(spec, &settings.sandbox.url, timeout)
        .await
        .map_err(|error| Problem::field("settings", error.to_string()))
}

const fn by(reason: Option<&str>) -> By<'_> {
    By {
        actor: AUTHOR,
        reason,
    }
}

/// An error, and for the last provider of a channel what to do all the same.
fn last(otherwise: &str, error: Error) -> Problem {
    match error {
        Error::LastOfChannel(_) => Problem::conflict(
            "The last of its channel",
            format!("it {error}; {otherwise}"),
        ),
        error => error.into(),
    }
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
