//! Deciding about a message that waits because its answer was lost.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::ambiguity::Resolution;
use carillon_core::id::NotificationId;
use carillon_core::provider::changes::check_reason;
use carillon_store::notification::{Resolved, read_many, resolve};
use serde::Deserialize;
use serde_json::json;

use super::parsed::{self, Parsed};
use super::template::AUTHOR;
use crate::error::Problem;
use crate::state::State;

/// What was decided.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    action: Resolution,
    /// Why, for the timeline.
    reason: Option<String>,
}

/// `POST /api/notifications/{id}/resolve`.
pub(crate) async fn decide(
    body: Parsed<Decision>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let id: NotificationId = parsed::id(&path)?;
    let Decision { action, reason } = body.0;
    if let Some(Err(error)) = reason.as_deref().map(check_reason) {
        return Err(Problem::field(error.field, error.message));
    }
    let resolved = resolve(&state.store, id, action, AUTHOR, reason.as_deref()).await?;
    match resolved {
        Resolved::Done(status) => {
            let json = json!({ "id": id, "status": status, "action": action });
            return Ok(HttpResponse::Ok().json(json));
        }
        Resolved::JobStopped(stopped) => {
            let detail = stopped.to_string();
            return Err(Problem::conflict("The job does not go on", detail));
        }
        Resolved::NotHeld => {}
    }
    let row = read_many(&state.store, &[id]).await?.pop();
    let row = row.ok_or_else(Problem::gone)?;
    let detail = format!(
        "it is {} and does not wait for a lost answer; its timeline says why",
        row.status
    );
    Err(Problem::conflict("There is nothing to decide", detail))
}
