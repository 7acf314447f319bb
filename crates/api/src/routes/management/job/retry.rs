//! Sending a job's failed rows again, as a job of their own.
//!
//! A row that a retry has taken up belongs to that one: it is sent again by retrying the retry, so
//! that asking twice sends nothing twice. Retries of a job are named by their number, and the
//! database holds each name once: of two requests at the same time one is refused.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, Payload as Body};
use carillon_core::bulk::ChunkWriter;
use carillon_core::id::{self, JobId, NotificationId};
use carillon_core::notification::Status;
use carillon_store::Store;
use carillon_store::job::{self as store, Job, NewJob, Retries};
use serde::Deserialize;

use super::super::parsed;
use super::{of, view};
use crate::auth::Admin;
use crate::error::Problem;
use crate::jobs::{Held, Payload};
use crate::state::State;

/// Rows that are read at a time.
const PAGE: i64 = 1_000;

/// What may be tried again. What was cancelled was not meant to be sent.
const FAILURES: [Status; 3] = [
    Status::TemporaryFailure,
    Status::TechnicalFailure,
    Status::PermanentFailure,
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    statuses: Vec<Status>,
}

/// Makes a job of the rows in these statuses; those that may succeed another time, if none is named.
pub(crate) async fn retry_failed(
    _: Admin,
    body: Body,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let statuses = statuses(&parsed::body(body, parsed::LIMIT).await?)?;
    let job = of(&state, &path).await?;
    if !job.status.is_settled() {
        let detail = format!(
            "the job is {}: there may be more failed rows to come",
            job.status
        );
        return Err(conflict(detail));
    }
    let retries = store::retries(&state.store, &job).await?;
    if let Some(id) = retries.open {
        return Err(conflict(format!(
            "job {id} sends its failed rows again just now"
        )));
    }
    let held = state.jobs.memory.hold().await;
    let mut held = held.map_err(|error| Problem::unavailable(&error))?;
    let rows_per_chunk = state.settings.jobs.rows_per_chunk;
    let payload = collect(
        &state.store,
        &job,
        &statuses,
        &retries,
        rows_per_chunk,
        &mut held,
    )
    .await?;
    if payload.n_rows == 0 {
        let names: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
        let detail = format!(
            "no row is in {} that was not sent again already",
            names.join(", ")
        );
        return Err(conflict(detail));
    }
    let new = retry(&job, retries.n, payload.n_rows);
    let made = state.jobs.create(new, payload).await?;
    Ok(HttpResponse::Created().json(view::job(&made)))
}

fn conflict(detail: String) -> Problem {
    Problem::conflict("There is nothing to send again", detail)
}

fn statuses(body: &[u8]) -> Result<Vec<Status>, Problem> {
    if body.is_empty() {
        return Ok(vec![Status::TemporaryFailure, Status::TechnicalFailure]);
    }
    let Asked { statuses } = parsed::json(body)?;
    let is_failure = |status| FAILURES.contains(status);
    if statuses.is_empty() || !statuses.iter().all(is_failure) {
        let names: Vec<&str> = FAILURES.iter().map(|status| status.as_str()).collect();
        let message = format!("must be one or more of {}", names.join(", "));
        return Err(Problem::field("statuses", message));
    }
    Ok(statuses)
}

/// The failed rows, page by page; each page is packed off the async threads.
async fn collect(
    from: &Store,
    job: &Job,
    statuses: &[Status],
    retries: &Retries,
    rows_per_chunk: usize,
    held: &mut Held,
) -> Result<Payload, Problem> {
    let mut writer = ChunkWriter::new(rows_per_chunk);
    let mut n_rows = 0;
    let mut after: Option<NotificationId> = None;
    loop {
        let mut page = store::read_failed_rows(from, job, statuses, after, PAGE).await?;
        let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        after = page.last().map(|failed| failed.id).or(after);
        page.retain(|failed| !retries.rows.contains(&failed.row.number));
        n_rows += page.len();
        let packed = web::block(move || {
            for failed in &page {
                writer.push(&failed.row);
            }
            writer
        });
        writer = packed.await.map_err(|error| Problem::unavailable(&error))?;
        let covered = held.cover(writer.size()).await;
        covered.map_err(|error| Problem::unavailable(&error))?;
        if is_last {
            break;
        }
    }
    Ok(Payload {
        chunks: writer.finish(),
        n_rows,
        n_invalid_rows: 0,
        invalid_rows: None,
    })
}

/// The job that sends again as the first was to be sent; its rows keep their numbers.
fn retry(of: &Job, n_before: usize, n_rows: usize) -> NewJob {
    NewJob {
        id: JobId(id::mint()),
        service_id: of.service_id,
        template_id: of.template_id,
        template_version: of.template_version,
        api_key_id: of.api_key_id,
        key_type: of.key_type,
        channel: of.channel,
        // The template's own is not looked up: of a long job it is taken for normal.
        lane: carillon_core::job::lane(of.lane, n_rows),
        name: match n_before {
            0 => format!("{} (retry)", of.name),
            n => format!("{} (retry {})", of.name, n + 1),
        },
        sender_id: of.sender_id,
        sender: of.sender.clone(),
        scheduled_for: None,
        n_invalid_rows: 0,
        retry_of: Some(of.id),
        trace: Some(crate::trace::current()),
        storage: String::new(),
        chunks: Vec::new(),
        invalid_rows: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_another_time_is_tried_again_unless_more_is_asked_for() {
        let usual = [Status::TemporaryFailure, Status::TechnicalFailure];
        assert_eq!(statuses(b"").unwrap(), usual);
        let asked = statuses(br#"{"statuses": ["permanent-failure"]}"#).unwrap();
        assert_eq!(asked, [Status::PermanentFailure]);
        for bad in [
            r#"{"statuses": []}"#,
            r#"{"statuses": ["cancelled"]}"#,
            r#"{"statuses": ["temporary-failure", "delivered"]}"#,
            r#"{"statuses": ["nope"]}"#,
            "{}",
        ] {
            assert!(statuses(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
