//! Telling again what was told, or could not be.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::id::CallbackEventId;
use carillon_store::callback::management::{self as store, Which};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::super::parsed::Parsed;
use super::ids;
use crate::error::Problem;
use crate::state::State;

/// The most events that are named one by one.
const MOST_EVENTS: usize = 1_000;

/// Which events: either those named, or those since a time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    event_ids: Option<Vec<CallbackEventId>>,
    since: Option<DateTime<Utc>>,
    only: Option<Only>,
}

/// The restriction of a replay since a time.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Only {
    Failed,
}

/// Has events told again from the first step of the schedule. What is still being told is left to
/// it, and not counted.
pub(crate) async fn replay(
    body: Parsed<Replay>,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(&path)?;
    let which = which(body.0)?;
    let callback = store::read(&state.store, service_id, id).await?;
    if !callback.active {
        return Err(Problem::field(
            "active",
            "the callback is switched off: set active to true first",
        ));
    }
    let n_replayed = store::replay(&state.store, service_id, id, &which).await?;
    Ok(HttpResponse::Ok().json(json!({ "replayed": n_replayed })))
}

fn which(asked: Replay) -> Result<Which, Problem> {
    match asked {
        Replay {
            event_ids: Some(ids),
            since: None,
            only: None,
        } if ids.len() <= MOST_EVENTS => Ok(Which::Events(ids)),
        Replay {
            event_ids: Some(_),
            since: None,
            only: None,
        } => {
            let message = format!("must be at most {MOST_EVENTS}");
            Err(Problem::field("event_ids", message))
        }
        Replay {
            event_ids: None,
            since: Some(at),
            only,
        } => Ok(Which::Since {
            at,
            only_failed: only.is_some(),
        }),
        _ => Err(Problem::field(
            "event_ids",
            "either event_ids or since (with only: \"failed\" or not) must be given, not both",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value) -> Result<Which, Problem> {
        which(serde_json::from_value(json).unwrap())
    }

    #[test]
    fn events_are_named_or_lie_after_a_time() {
        let id = "0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42";
        let named = read(json!({ "event_ids": [id] }));
        assert!(matches!(named, Ok(Which::Events(ids)) if ids.len() == 1));
        let since = json!({ "since": "2026-01-02T03:04:05Z", "only": "failed" });
        let only_failed = read(since);
        assert!(matches!(
            only_failed,
            Ok(Which::Since {
                only_failed: true,
                ..
            })
        ));
    }

    #[test]
    fn neither_both_nor_none_nor_too_many_are_taken() {
        let id = "0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42";
        for body in [
            json!({}),
            json!({ "only": "failed" }),
            json!({ "event_ids": [id], "since": "2026-01-02T03:04:05Z" }),
            json!({ "event_ids": [id], "only": "failed" }),
            json!({ "event_ids": vec![id; MOST_EVENTS + 1] }),
        ] {
            assert!(read(body.clone()).is_err(), "{body}");
        }
    }
}
