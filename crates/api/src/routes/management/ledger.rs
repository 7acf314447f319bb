//! The ledger: whether everything that was accepted is somewhere.

use std::str::FromStr;

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_store::ledger::{self, Filter};
use carillon_store::{Store, health};
use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// What is counted unless another time is named.
const USUAL: Duration = Duration::hours(24);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: Option<String>,
    lane: Option<String>,
    since: Option<String>,
}

/// Lines by service and lane, their sum, jobs, and until when minutes were looked at.
pub(crate) async fn read(
    _: Admin,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let asked = Query::<Asked>::from_query(request.query_string())
        .map_err(|error| Problem::field("query", error.to_string()))?;
    let filter = Filter {
        service_id: parsed("service", asked.service.as_deref(), "an id of a service")?,
        lane: parsed("lane", asked.lane.as_deref(), "priority, normal or bulk")?,
        since: since(&state.store, asked.since.as_deref()).await?,
    };
    let report = ledger::read(&state.store, filter).await?;
    Ok(HttpResponse::Ok().json(report))
}

async fn since(store: &Store, asked: Option<&str>) -> Result<DateTime<Utc>, Problem> {
    match parsed("since", asked, "a time such as 2026-01-31T08:00:00Z")? {
        Some(since) => Ok(since),
        None => Ok(health::now(store).await? - USUAL),
    }
}

fn parsed<T: FromStr>(
    field: &str,
    text: Option<&str>,
    allowed: &str,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        let text: String = text.chars().take(60).collect();
        Problem::field(field, format!("{text:?} is not {allowed}"))
    })
}

#[cfg(test)]
mod tests {
    use carillon_core::lane::Lane;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_with_what_can() {
        let problem = parsed::<Lane>("lane", Some("fast"), "priority, normal or bulk");
        let problem = serde_json::to_string(&problem.unwrap_err()).unwrap();
        assert!(
            problem.contains("\"lane\"") && problem.contains("priority"),
            "{problem}"
        );
        let lane = parsed::<Lane>("lane", Some("bulk"), "").unwrap();
        assert_eq!(lane, Some(Lane::Bulk));
        assert_eq!(parsed::<Lane>("lane", None, "").unwrap(), None);
    }
}
