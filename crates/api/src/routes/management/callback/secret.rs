//! Rotation of the secret that signs calls.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_providers::webhook::new_secret;
use carillon_store::callback::management as store;
use serde::Deserialize;
use serde_json::json;

use super::ids;
use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// End the overlap instead of beginning one.
    #[serde(default)]
    retire: bool,
}

/// Makes a new secret and shows it once; the one before it goes on signing beside it until the next
/// rotation. With `?retire=true` no secret is made, and only the newest goes on signing.
pub(crate) async fn rotate(
    _: Admin,
    request: HttpRequest,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(&path)?;
    let Rotation { retire } = Query::<Rotation>::from_query(request.query_string())
        .map_err(|_| Problem::field("retire", "must be true or false, and nothing else is asked"))?
        .into_inner();
    if retire {
        let callback = store::retire_secret(&state.store, service_id, id).await?;
        return Ok(HttpResponse::Ok().json(callback));
    }
    let secret = new_secret();
    let callback = store::rotate_secret(&state.store, service_id, id, &secret).await?;
    let mut shown = json!(callback);
    shown["secret"] = json!(secret);
    Ok(HttpResponse::Ok().json(shown))
}
