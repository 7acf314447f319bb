//! Jobs of all services: looked at, stopped, let go on, sent again.

pub(crate) mod change;
pub(crate) mod retry;
pub(crate) mod rows;
mod view;

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::id::{JobId, ServiceId};
use carillon_store::job::{self as store, Filter, Job};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::parsed;
use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// Jobs of a page, unless fewer are asked for.
const PAGE: i64 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service_id: Option<ServiceId>,
    /// One or several, with commas.
    status: Option<String>,
    older_than: Option<JobId>,
    limit: Option<i64>,
}

/// A page of jobs, newest first; `next` is the `older_than` of the one after it.
pub(crate) async fn list(
    _: Admin,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let asked: Asked = query(&request)?;
    let filter = Filter {
        service_id: asked.service_id,
        statuses: statuses(asked.status.as_deref(), |name| {
            Some(vec![name.parse().ok()?])
        })?,
        older_than: asked.older_than,
    };
    let limit = limit(asked.limit, PAGE)?;
    let jobs = store::read_page(&state.store, &filter, limit).await?;
    let next = next(&jobs, limit).map(|last| last.id);
    let jobs: Vec<_> = jobs.iter().map(view::job).collect();
    Ok(HttpResponse::Ok().json(json!({ "jobs": jobs, "next": next })))
}

/// One job and how far it is.
pub(crate) async fn read(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let job = of(&state, &path).await?;
    Ok(HttpResponse::Ok().json(view::with_progress(&state.store, &job).await?))
}

async fn of(state: &State, id: &str) -> Result<Job, Problem> {
    Ok(store::read(&state.store, parsed::id(id)?).await?)
}

fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    Query::<T>::from_query(request.query_string())
        .map(Query::into_inner)
        .map_err(|error| Problem::field("query", error.to_string()))
}

/// Statuses with commas between them, each name read as one or several; none if none is named.
fn statuses<T>(
    text: Option<&str>,
    read: impl Fn(&str) -> Option<Vec<T>>,
) -> Result<Option<Vec<T>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let mut statuses = Vec::new();
    for name in text.split(',').map(str::trim) {
        let Some(read) = read(name) else {
            let name: String = name.chars().take(60).collect();
            return Err(Problem::field("status", format!("{name:?} is no status")));
        };
        statuses.extend(read);
    }
    Ok(Some(statuses))
}

fn limit(asked: Option<i64>, most: i64) -> Result<i64, Problem> {
    match asked {
        None => Ok(most),
        Some(n) if (1..=most).contains(&n) => Ok(n),
        Some(_) => Err(Problem::field("limit", format!("must be from 1 to {most}"))),
    }
}

/// The last of a full page, after which there may be more.
fn next<T>(page: &[T], limit: i64) -> Option<&T> {
    let is_full = i64::try_from(page.len()).is_ok_and(|n| n >= limit);
    page.last().filter(|_| is_full)
}

#[cfg(test)]
mod tests {
    use carillon_core::job::JobStatus;

    use super::*;

    #[test]
    fn statuses_are_named_with_commas_between_them() {
        let read = |text| statuses::<JobStatus>(text, |name| Some(vec![name.parse().ok()?]));
        let two = read(Some("in progress, paused")).unwrap();
        assert_eq!(two, Some(vec![JobStatus::InProgress, JobStatus::Paused]));
        assert_eq!(read(None).unwrap(), None);
        for bad in ["", "paused,", "done"] {
            let problem = serde_json::to_string(&read(Some(bad)).unwrap_err()).unwrap();
            assert!(problem.contains("is no status"), "{problem}");
        }
    }

    #[test]
    fn a_page_is_bounded_and_only_a_full_one_has_a_next() {
        assert_eq!(limit(None, 5).unwrap(), 5);
        assert_eq!(limit(Some(1), 5).unwrap(), 1);
        assert!(limit(Some(0), 5).is_err() && limit(Some(6), 5).is_err());
        assert_eq!(next(&[1, 2], 2), Some(&2));
        assert_eq!(next(&[1, 2], 3), None);
    }
}
