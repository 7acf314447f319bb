//! What a callback was told, and every call for it.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::id::CallbackEventId;
use carillon_store::callback::management::{self as store, Progress};
use serde::Deserialize;
use serde_json::json;

use super::super::parsed;
use super::ids;
use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// Events of one page.
const PAGE: usize = 250;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    outcome: Option<String>,
    cursor: Option<String>,
}

/// A page of events, those of the newest messages first; with `?outcome=` only those that ended so,
/// or that are `pending`, or that `failed` in whatever way.
pub(crate) async fn list(
    _: Admin,
    request: HttpRequest,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(&path)?;
    let Asked { outcome, cursor } = Query::<Asked>::from_query(request.query_string())
        .map_err(|error| Problem::field("query", error.to_string()))?
        .into_inner();
    let progress: Progress = match outcome {
        None => Progress::Any,
        Some(text) => text.parse().map_err(|_| {
            let message =
                "must be pending, failed, delivered, refused, exhausted or disabled".to_owned();
            Problem::field("outcome", message)
        })?,
    };
    let older_than: Option<CallbackEventId> = match cursor {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| Problem::field("cursor", "must be the cursor of the page before"))?,
        ),
    };
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let events = store::events(&state.store, service_id, id, progress, older_than, limit).await?;
    // Without the callback there would be an empty page, as if it had been told nothing.
    if events.is_empty() {
        store::read(&state.store, service_id, id).await?;
    }
    let is_full = events.len() == PAGE;
    let next = events.last().filter(|_| is_full).map(|last| last.id);
    Ok(HttpResponse::Ok().json(json!({ "events": events, "cursor": next })))
}

/// An event with the calls that were made for it, oldest first.
pub(crate) async fn attempts(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let id: CallbackEventId = parsed::id(&path)?;
    let event = store::event(&state.store, id).await?;
    let attempts = store::attempts(&state.store, id).await?;
    Ok(HttpResponse::Ok().json(json!({ "event": event, "attempts": attempts })))
}
