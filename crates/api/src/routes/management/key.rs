//! API keys.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::api_key::KeyType;
use carillon_core::id::ServiceId;
use carillon_store::{api_key, health};
use serde::Deserialize;
use serde_json::json;

use super::parsed::{self, Parsed};
use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// A service's keys, without their secrets.
pub(crate) async fn list(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let keys = api_key::list(&state.store, parsed::id(&path)?).await?;
    Ok(HttpResponse::Ok().json(json!({ "keys": keys })))
}

/// A new key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    name: String,
    key_type: KeyType,
}

/// Creates a key; the answer is the only place where it is ever shown.
pub(crate) async fn create(
    body: Parsed<NewKey>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let NewKey { name, key_type } = body.0;
    if name.trim().is_empty() {
        return Err(Problem::field("name", "must not be empty"));
    }
    let service_id: ServiceId = parsed::id(&path)?;
    let (id, key) = api_key::create(&state.store, service_id, &name, key_type).await?;
    Ok(HttpResponse::Created()
        .json(json!({ "id": id, "name": name, "key_type": key_type, "key": key })))
}

/// Revokes a key; it is refused everywhere within a second.
pub(crate) async fn revoke(
    _: Admin,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, key_id) = path.into_inner();
    let now = health::now(&state.store).await?;
    api_key::revoke(
        &state.store,
        parsed::id(&service_id)?,
        parsed::id(&key_id)?,
        now,
    )
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
