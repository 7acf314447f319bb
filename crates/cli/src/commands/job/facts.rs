//! A job as commands print it.

use carillon_core::notification::Status;
use carillon_store::job::Job;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::snapshot::Snapshot;

/// For scripts: as the management API has it.
pub(super) fn json(job: &Job) -> Value {
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

/// For scripts, with how far it is.
pub(super) fn with_progress(job: &Job, seen: &Snapshot) -> Value {
    let mut facts = json(job);
    facts["rows"] = json!({
        "total": job.n_rows,
        "saved": seen.n_saved(),
        "invalid": job.n_invalid_rows,
    });
    let counts = Status::ALL.iter().map(|status| {
        let n = seen.statistics.get(status).copied().unwrap_or_default();
        (status.to_string(), json!(n))
    });
    facts["statistics"] = Value::Object(counts.collect());
    facts
}

/// The status with its reason, if there is one.
pub(super) fn status(job: &Job) -> String {
    match &job.status_reason {
        Some(reason) => format!("{} ({reason})", job.status),
        None => job.status.to_string(),
    }
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
