//! Saving a chunk: its rows, and the fact that they are saved.

use carillon_core::api_key::KeyType;
use carillon_core::bulk::JobRow;
use carillon_core::channel::Channel;
use carillon_core::id::{ApiKeyId, JobId, NotificationId, ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::queue::Queue;
use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::ClaimedChunk;
use crate::{Error, Result, Store};

statement! {
    SaveChunk = "save_chunk.sql" {
        job_id: JobId => SqlUuid,
        chunk: i32 => Integer,
        token: Uuid => SqlUuid,
        service_id: ServiceId => SqlUuid,
        template_id: TemplateId => SqlUuid,
        api_key_id: Option<ApiKeyId> => Nullable<SqlUuid>,
        template_version: i32 => Integer,
        channel: Channel => Text,
        lane: Lane => Text,
        key_type: KeyType => Text,
        queue: Queue => Text,
        sender: Option<String> => Nullable<Text>,
        created_at: DateTime<Utc> => Timestamptz,
        trace_id: Option<Uuid> => Nullable<SqlUuid>,
        trace_span: Option<i64> => Nullable<BigInt>,
        ids: Vec<NotificationId> => Array<SqlUuid>,
        numbers: Vec<i32> => Array<Integer>,
        recipients: Vec<String> => Array<Text>,
        normalised_recipients: Vec<String> => Array<Text>,
        references: Vec<Option<String>> => Array<Nullable<Text>>,
        personalisations: Vec<Value> => Array<Jsonb>,
    }
}

/// What came of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedChunk {
    /// Whether the lease still held and the job may go on. If not, nothing was saved.
    pub is_ours: bool,
    /// Rows that were not there before.
    pub n_new: usize,
    /// Other chunks that are still to be saved.
    pub n_open: usize,
    /// The rows' ids, new or not, in the order of the rows.
    pub ids: Vec<NotificationId>,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Bool)]
    is_ours: bool,
    #[diesel(sql_type = BigInt)]
    n_new: i64,
    #[diesel(sql_type = BigInt)]
    n_open: i64,
}

/// Saves the rows of a claimed chunk and notes that it is saved, in one transaction. Rows that are
/// there already are left alone; under the same token it may be repeated. The caller publishes all
/// ids, new or not.
///
/// # Errors
/// [`Error::Refused`] when PostgreSQL will never take one of the values; nothing is saved then.
pub async fn save_chunk(
    store: &Store,
    chunk: &ClaimedChunk,
    rows: &[JobRow],
) -> Result<SavedChunk> {
    let id = |row: &JobRow| NotificationId::of_job_row(chunk.job_id, chunk.started_at, row.number);
    let ids: Vec<_> = rows.iter().map(id).collect();
    let (trace_id, trace_span) = chunk.kept_trace();
    let mut save = SaveChunk {
        job_id: chunk.job_id,
        chunk: chunk.chunk,
        token: chunk.token,
        service_id: chunk.service_id,
        template_id: chunk.template_id,
        api_key_id: chunk.api_key_id,
        template_version: chunk.template_version,
        channel: chunk.channel,
        lane: chunk.lane,
        key_type: chunk.key_type,
        queue: chunk.queue,
        sender: chunk.sender.clone(),
        created_at: chunk.started_at,
        trace_id,
        trace_span,
        ids: ids.clone(),
        numbers: Vec::with_capacity(rows.len()),
        recipients: Vec::with_capacity(rows.len()),
        normalised_recipients: Vec::with_capacity(rows.len()),
        references: Vec::with_capacity(rows.len()),
        personalisations: Vec::with_capacity(rows.len()),
    };
    for row in rows {
        save.numbers
            .push(i32::try_from(row.number).unwrap_or(i32::MAX));
        save.recipients.push(row.recipient.clone());
        save.normalised_recipients.push(row.normalised.clone());
        save.references.push(row.reference.clone());
        save.personalisations
            .push(Value::Object(row.values.clone()));
    }
    let saved = match run(store, &save).await {
        Err(Error::NoPartition) => {
            crate::partition::ensure_day(store, chunk.started_at.date_naive()).await?;
            run(store, &save).await?
        }
        result => result?,
    };
    let count = |n: i64| usize::try_from(n).unwrap_or(0);
    Ok(SavedChunk {
        is_ours: saved.is_ours,
        n_new: count(saved.n_new),
        n_open: count(saved.n_open),
        ids,
    })
}

async fn run(store: &Store, save: &SaveChunk) -> Result<Row> {
    let mut conn = store.connection().await?;
    let rows: Vec<Row> = store.within_deadline(save.load(&mut conn)).await?;
    // A plain SELECT without FROM is one row.
    rows.into_iter().next().ok_or(Error::Gone)
}
