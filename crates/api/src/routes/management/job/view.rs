//! A job as administrators see it.

use carillon_core::notification::Status;
use carillon_store::Store;
use carillon_store::job::{self as store, Job};
use serde_json::{Map, Value, json};

/// A job by itself.
pub(super) fn job(job: &Job) -> Value {
    json!({
        "id": job.id,
        "service_id": job.service_id,
        "template_id": job.template_id,
        "template_version": job.template_version,
        "api_key_id": job.api_key_id,
        "key_type": job.key_type,
        "retry_of": job.retry_of,
        "channel": job.channel,
        "lane": job.lane,
        "name": job.name,
        "sender_id": job.sender_id,
        "status": job.status,
        "status_reason": job.status_reason,
        "row_change": job.row_change,
        "n_rows": job.n_rows,
        "n_invalid_rows": job.n_invalid_rows,
        "storage": job.storage,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "scheduled_for": job.scheduled_for,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    })
}

/// A job with how many of its rows are saved, and how many notifications are in each status.
pub(super) async fn with_progress(store: &Store, of: &Job) -> carillon_store::Result<Value> {
    let n_saved = store::count_saved(store, of.id).await?;
    let counted = store::statistics(store, of).await?;
    let mut statistics: Map<String, Value> = Status::ALL
        .iter()
        .map(|status| (status.to_string(), json!(0)))
        .collect();
    for (status, n) in counted {
        statistics.insert(status.to_string(), json!(n));
    }
    let mut view = job(of);
    view["rows"] = json!({ "total": of.n_rows, "saved": n_saved, "invalid": of.n_invalid_rows });
    view["statistics"] = Value::Object(statistics);
    Ok(view)
}
