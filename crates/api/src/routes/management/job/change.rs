//! Stopping a job and letting it go on.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::job::{JobEvent, JobReason, JobStatus};
use carillon_core::notification::Status;
use carillon_store::job as store;

use super::{of, view};
use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// Withdraws what was not sent yet, for good.
pub(crate) async fn cancel(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    change(&state, &path, JobEvent::Cancelled).await
}

/// Holds what was not sent yet.
pub(crate) async fn pause(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    change(&state, &path, JobEvent::Paused).await
}

/// Lets a job go on.
pub(crate) async fn resume(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    change(&state, &path, JobEvent::Resumed).await
}

/// What administrators may ask for, with its path.
const REQUESTS: [(JobEvent, &str); 3] = [
    (JobEvent::Cancelled, "cancel"),
    (JobEvent::Paused, "pause"),
    (JobEvent::Resumed, "resume"),
];

async fn change(state: &State, id: &str, event: JobEvent) -> Result<HttpResponse, Problem> {
    let job = of(state, id).await?;
    if job.status == JobStatus::Finished && event != JobEvent::Resumed {
        let counts = store::statistics(&state.store, &job).await?;
        let is_unsent = |(status, n): &(Status, i64)| *status == Status::Created && *n > 0;
        if !counts.iter().any(is_unsent) {
            let detail = "the job is finished, and all its rows are sent; none can be stopped";
            return Err(conflict(detail));
        }
    }
    // Its status may change meanwhile: the statement decides.
    let reason = Some(JobReason::Requested);
    let is_moved = store::move_on(&state.store, job.id, event, reason).await?;
    let job = of(state, id).await?;
    if !is_moved {
        return Err(conflict(&impossible(job.status)));
    }
    Ok(HttpResponse::Ok().json(view::with_progress(&state.store, &job).await?))
}

fn conflict(detail: &str) -> Problem {
    Problem::conflict("The job's status does not allow this", detail)
}

/// The status, and what goes with it.
fn impossible(status: JobStatus) -> String {
    let possible: Vec<&str> = REQUESTS
        .iter()
        .filter(|(event, _)| status.on(*event).is_some())
        .map(|(_, name)| *name)
        .collect();
    match possible.as_slice() {
        [] => format!("the job is {status}; nothing changes that"),
        names => format!(
            "the job is {status}; what is possible: {}",
            names.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_possible() {
        assert_eq!(
            impossible(JobStatus::Paused),
            "the job is paused; what is possible: cancel, resume"
        );
        assert_eq!(
            impossible(JobStatus::Scheduled),
            "the job is scheduled; what is possible: cancel"
        );
        assert_eq!(
            impossible(JobStatus::Cancelled),
            "the job is cancelled; nothing changes that"
        );
    }
}
