//! Callbacks: where a service wants to hear what became of its messages. Tokens go in and never
//! come back; a signing secret is shown once.

pub(crate) mod event;
pub(crate) mod replay;
pub(crate) mod secret;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::id::{CallbackId, ServiceId};
use carillon_core::service::BadField;
use carillon_core::webhook::CallbackKind;
use carillon_providers::egress::EgressPolicy;
use carillon_providers::webhook::registration::{check_token, check_url};
use carillon_providers::webhook::{Webhooks, new_secret};
use carillon_store::callback::management::{self as store, Changes, NewCallback};
use carillon_store::health;
use serde::Deserialize;
use serde_json::json;

use super::parsed::{self, Parsed};
use crate::auth::Admin;
use crate::error::{FieldError, Problem};
use crate::state::State;

/// A service's callbacks.
pub(crate) async fn list(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let callbacks = store::list(&state.store, parsed::id(&path)?).await?;
    Ok(HttpResponse::Ok().json(json!({ "callbacks": callbacks })))
}

/// A new callback.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    kind: CallbackKind,
    url: String,
    bearer_token: String,
}

/// Registers a callback; the answer is the only place where its signing secret is shown.
pub(crate) async fn create(
    body: Parsed<New>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let New {
        kind,
        url,
        bearer_token,
    } = body.0;
    let url = check_url(&url, policy(&state));
    let token = check_token(&bearer_token);
    let (Ok(url), Ok(())) = (&url, &token) else {
        return Err(invalid([url.err(), token.err()]));
    };
    let new = NewCallback {
        service_id: parsed::id(&path)?,
        kind,
        url: url.clone(),
        bearer_token,
        secret: new_secret(),
    };
    let callback = store::create(&state.store, &new).await?;
    let mut shown = json!(callback);
    shown["secret"] = json!(new.secret);
    Ok(HttpResponse::Created().json(shown))
}

/// One callback, and how far it is with what it is to be told.
pub(crate) async fn read(
    _: Admin,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(&path)?;
    let callback = store::read(&state.store, service_id, id).await?;
    let mut shown = json!(callback);
    shown["health"] = json!(store::health(&state.store, id).await?);
    Ok(HttpResponse::Ok().json(shown))
}

/// What may be changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    url: Option<String>,
    bearer_token: Option<String>,
    active: Option<bool>,
}

/// Changes what is given. `active: true` also forgets failures and why it was not called.
pub(crate) async fn update(
    body: Parsed<Change>,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(&path)?;
    let Change {
        url,
        bearer_token,
        active,
    } = body.0;
    let url = url.map(|url| check_url(&url, policy(&state))).transpose();
    let token = bearer_token.as_deref().map(check_token).transpose();
    let (Ok(url), Ok(_)) = (&url, &token) else {
        return Err(invalid([url.err(), token.err()]));
    };
    let changes = Changes {
        url: url.clone(),
        bearer_token,
        active,
    };
    let callback = store::update(&state.store, service_id, id, &changes).await?;
    Ok(HttpResponse::Ok().json(callback))
}

/// Removes a callback; what it was not told yet is never told.
pub(crate) async fn remove(
    _: Admin,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(&path)?;
    store::remove(&state.store, service_id, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a test call past all queues. What came of it is the answer, whatever it is.
pub(crate) async fn test(
    _: Admin,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(&path)?;
    let callback = store::read(&state.store, service_id, id).await?;
    let with = store::credentials(&state.store, service_id, id).await?;
    let at = health::now(&state.store).await?;
    let webhooks = Webhooks::new(policy(&state), state.settings.callbacks.timeout)
        .map_err(|error| Problem::unavailable(&error))?;
    let tried = webhooks
        .try_out(&callback.url, &with.token, &with.secrets, at)
        .await;
    Ok(HttpResponse::Ok().json(tried))
}

fn policy(state: &State) -> EgressPolicy {
    EgressPolicy {
        allow_private: state.settings.callbacks.allow_private_targets,
    }
}

fn ids(path: &(String, String)) -> Result<(ServiceId, CallbackId), Problem> {
    Ok((parsed::id(&path.0)?, parsed::id(&path.1)?))
}

fn invalid(fields: impl IntoIterator<Item = Option<BadField>>) -> Problem {
    let errors = fields
        .into_iter()
        .flatten()
        .map(|BadField { field, message }| FieldError {
            field: field.to_owned(),
            message,
        });
    Problem::invalid(errors.collect())
}
