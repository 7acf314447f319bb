//! What people and tests read and change.

use std::sync::Arc;

use actix_web::error::ErrorServiceUnavailable;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, Responder, delete, get, post, put};
use carillon_core::id::NotificationId;
use serde::{Deserialize, Deserializer, Serialize};

use crate::call::Call;
use crate::control::Change;
use crate::faults::Faults;
use crate::sandbox::Sandbox;

/// Messages of one answer, unless another limit is asked for.
const LIMIT: usize = 1_000;

/// Which calls to show; what is missing or empty lets everything pass.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[serde(default, deserialize_with = "present")]
    recipient: Option<String>,
    #[serde(default, deserialize_with = "present")]
    id: Option<NotificationId>,
    limit: Option<usize>,
}

impl Filter {
    fn passes(&self, call: &Call) -> bool {
        self.id.is_none_or(|id| id == call.id)
            && self
                .recipient
                .as_ref()
                .is_none_or(|recipient| *recipient == call.recipient)
    }
}

/// Empty counts as missing. A space was a plus that the caller did not escape: neither addresses
/// nor numbers hold spaces, and `?recipient=+447700900001` is what people type.
fn present<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(from)?.replace(' ', "+");
    let text = Some(text).filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(serde::de::Error::custom))
        .transpose()
}

#[derive(Serialize)]
struct Messages<'a> {
    messages: Vec<&'a Call>,
}

#[derive(Serialize)]
struct Calls<'a> {
    calls: Vec<&'a Call>,
}

fn borrowed(calls: &[Arc<Call>]) -> Vec<&Call> {
    calls.iter().map(Arc::as_ref).collect()
}

/// Accepted messages, newest first.
#[get("/messages")]
pub(crate) async fn list_messages(sandbox: Data<Sandbox>, filter: Query<Filter>) -> HttpResponse {
    let limit = filter.limit.unwrap_or(LIMIT);
    let found = sandbox.read(|memory| memory.messages(limit, |call| filter.passes(call)));
    HttpResponse::Ok().json(Messages {
        messages: borrowed(&found),
    })
}

/// Forgets all calls; receipts that are owed still come.
#[delete("/messages")]
pub(crate) async fn empty_messages(sandbox: Data<Sandbox>) -> actix_web::Result<impl Responder> {
    let emptied = sandbox.empty().await;
    emptied.map_err(|_| ErrorServiceUnavailable("the log is broken"))?;
    Ok(HttpResponse::NoContent())
}

/// Calls of any outcome, oldest first.
#[get("/calls")]
pub(crate) async fn list_calls(sandbox: Data<Sandbox>, filter: Query<Filter>) -> HttpResponse {
    let limit = filter.limit.unwrap_or(LIMIT);
    let found = sandbox.read(|memory| memory.calls(|call| filter.passes(call)));
    // The newest of them, like messages.
    let newest = &found[found.len().saturating_sub(limit)..];
    HttpResponse::Ok().json(Calls {
        calls: borrowed(newest),
    })
}

#[get("/stats")]
pub(crate) async fn show_stats(sandbox: Data<Sandbox>) -> impl Responder {
    Json(sandbox.stats())
}

#[get("/control")]
pub(crate) async fn show_controls(sandbox: Data<Sandbox>) -> impl Responder {
    Json(sandbox.controls())
}

#[post("/control")]
pub(crate) async fn change_controls(
    sandbox: Data<Sandbox>,
    change: Json<Change>,
) -> impl Responder {
    let controls = sandbox.change(change.into_inner());
    tracing::info!(?controls, "changed how the sandbox behaves");
    Json(controls)
}

#[get("/faults")]
pub(crate) async fn show_faults(sandbox: Data<Sandbox>) -> impl Responder {
    Json(sandbox.faults())
}

/// Sets how often calls meet which fault, from the next call on; without shares none does.
#[put("/faults")]
pub(crate) async fn set_faults(sandbox: Data<Sandbox>, faults: Json<Faults>) -> impl Responder {
    let faults = faults.into_inner();
    sandbox.set_faults(faults);
    tracing::info!(?faults, "changed which faults calls meet");
    Json(faults)
}
