//! The rows of a job: those that were taken, and those that were not.

use actix_web::body::SizedStream;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use carillon_store::job::{JobRowStatus, RowFilter, read_rows};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{limit, next, of, query, statuses};
use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// Rows of a page, unless fewer are asked for.
const PAGE: i64 = 1_000;

/// Without this mark Excel takes a file for one in the machine's own charset.
const UTF_8: &[u8] = "\u{feff}".as_bytes();

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// One or several, with commas; `failed` stands for every failure.
    status: Option<String>,
    after: Option<NotificationId>,
    limit: Option<i64>,
}

/// A page of the rows that are saved, in the order of the file; `next` is the `after` of the page
/// that follows.
pub(crate) async fn list(
    _: Admin,
    request: HttpRequest,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&request)?;
    let filter = RowFilter {
        statuses: statuses(asked.status.as_deref(), Status::of_filter)?,
        after: asked.after,
    };
    let limit = limit(asked.limit, PAGE)?;
    let job = of(&state, &path).await?;
    let rows = read_rows(&state.store, &job, &filter, limit).await?;
    let next = next(&rows, limit).map(|last| last.id);
    let rows: Vec<Value> = rows.iter().map(view).collect();
    Ok(HttpResponse::Ok().json(json!({ "rows": rows, "next": next })))
}

fn view(row: &JobRowStatus) -> Value {
    json!({
        "row": row.number,
        "id": row.id,
        "status": row.status,
        "wait_reason": row.wait_reason,
        "recipient": row.recipient,
        "reference": row.reference,
        "sent_at": row.sent_at,
        "completed_at": row.completed_at,
    })
}

/// The rows that were left out, as a file to correct and send again.
pub(crate) async fn invalid(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let job = of(&state, &path).await?;
    let payloads = &state.jobs.payloads;
    let csv = payloads
        .invalid_rows(&state.store, job.id, &job.storage)
        .await?
        .ok_or_else(Problem::gone)?;
    let file = format!("attachment; filename=\"invalid-rows-{}.csv\"", job.id);
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, file))
        .body(marked(csv)))
}

/// The file behind its mark; it may be large and is not copied.
fn marked(
    csv: Bytes,
) -> SizedStream<impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>>> {
    let n_bytes = UTF_8.len() + csv.len();
    let pieces = [Bytes::from_static(UTF_8), csv].map(Ok);
    SizedStream::new(n_bytes as u64, futures::stream::iter(pieces))
}
