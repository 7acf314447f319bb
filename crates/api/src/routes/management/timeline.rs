//! A notification's timeline: why each thing happened to it.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::id::NotificationId;
use carillon_store::notification::{read_many, timeline};
use serde_json::json;

use super::parsed;
use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// `GET /api/notifications/{id}/timeline`.
pub(crate) async fn read(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let id: NotificationId = parsed::id(&path)?;
    let row = read_many(&state.store, &[id])
        .await?
        .pop()
        .ok_or_else(Problem::gone)?;
    let events = timeline(&state.store, id).await?;
    let trace_id = row.trace_id.map(|id| id.simple().to_string());
    Ok(HttpResponse::Ok().json(json!({
        "id": id, "status": row.status, "trace_id": trace_id, "events": events,
    })))
}
