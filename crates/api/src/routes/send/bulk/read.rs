//! `GET /bulk/{id}`: how far a job is.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::id::JobId;
use serde_json::{Value, json};

use super::answer;
use crate::auth;
use crate::error::NotifyError;
use crate::state::State;

/// A job of the service and how many of its notifications are in each status.
pub(crate) async fn one(
    request: HttpRequest,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    let principal = auth::principal(&request, &state).await?;
    let id: JobId = path
        .parse()
        .map_err(|_| NotifyError::validation(vec!["job_id is not a valid UUID".to_owned()]))?;
    let job = carillon_store::job::read(&state.store, id).await?;
    if job.service_id != principal.access.service.id {
        return Err(NotifyError::no_result());
    }
    let counts = carillon_store::job::statistics(&state.store, &job).await?;
    let statistics: Vec<Value> = counts
        .into_iter()
        .map(|(status, count)| json!({ "status": status, "count": count }))
        .collect();
    let mut data = answer::data(&job, &principal.access);
    data["statistics"] = Value::Array(statistics);
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}
