//! A job as its service reads it: GC Notify's keys.

use carillon_store::job::Job;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::TIME;
use crate::auth::Access;

/// The `data` of an answer.
pub(super) fn data(job: &Job, access: &Access) -> Value {
    let time = |at: DateTime<Utc>| at.format(TIME).to_string();
    let key = access
        .keys
        .iter()
        .map(|key| &key.key)
        .find(|key| Some(key.id) == job.api_key_id);
    json!({
        "id": job.id,
        "job_status": job.status,
        "status_reason": job.status_reason,
        "original_file_name": job.name,
        "notification_count": job.n_rows,
        "invalid_rows": job.n_invalid_rows,
        "template": job.template_id,
        "template_version": job.template_version,
        "template_type": job.channel,
        "service": job.service_id,
        "service_name": { "name": access.service.name },
        "api_key": job.api_key_id.map(|id| json!({
            "id": id,
            "name": key.map(|key| &key.name),
            "key_type": job.key_type,
        })),
        "created_by": null,
        "created_at": time(job.created_at),
        "updated_at": time(job.updated_at),
        "processing_started": job.started_at.map(time),
        "processing_finished": job.finished_at.map(time),
        "scheduled_for": job.scheduled_for.map(time),
        "sender_id": job.sender_id,
        "archived": false,
    })
}
