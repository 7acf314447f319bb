//! What tests of jobs start from, and how they look at what came of them.

use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::bulk::{ChunkWriter, JobRow, read_chunk};
use carillon_core::channel::Channel;
use carillon_core::id::{self, JobId, NotificationId};
use carillon_core::job::{JobEvent, JobReason, RowChange};
use carillon_core::lane::Lane;
use carillon_core::notification::Status;
use carillon_core::reason::Reason;
use carillon_core::timeline::TimelineEvent;
use carillon_store::job::{
    self, ChunkOf, Claim, ClaimedChunk, NewJob, RowsChanged, SavedChunk, payload,
};
use carillon_store::notification::Marking;
use serde_json::json;
use uuid::Uuid;

use crate::given::{Given, LEASE, accepted, email, given};

/// A database with the service of [`job`].
pub async fn given_service() -> Given {
    let given = given().await;
    given.register(&[]).await;
    given
}

pub fn row(number: u32) -> JobRow {
    JobRow {
        number,
        recipient: format!("Ada.{number}@Example.org"),
        normalised: format!("ada.{number}@example.org"),
        reference: number.is_multiple_of(2).then(|| format!("order {number}")),
        values: json!({ "name": "Ada", "n": number })
            .as_object()
            .cloned()
            .unwrap_or_default(),
    }
}

/// A job whose chunks hold the rows of these numbers; the payload is in PostgreSQL.
pub fn job_of(chunks: &[&[u32]]) -> NewJob {
    let chunk = |numbers: &&[u32]| {
        let mut writer = ChunkWriter::new(numbers.len());
        numbers.iter().for_each(|number| writer.push(&row(*number)));
        let written = writer.finish().remove(0);
        ChunkOf {
            first_row: written.first_row,
            last_row: *numbers.last().expect("a chunk has rows"),
            n_rows: written.n_rows,
            payload: Some(written.payload),
        }
    };
    NewJob {
        id: JobId(id::mint()),
        service_id: email().service_id,
        template_id: email().template_id,
        template_version: 4,
        api_key_id: email().api_key_id,
        key_type: KeyType::Normal,
        channel: Channel::Email,
        lane: Lane::Normal,
        name: "November".to_owned(),
        sender_id: None,
        sender: None,
        scheduled_for: None,
        n_invalid_rows: 0,
        retry_of: None,
        trace: None,
        storage: payload::IN_POSTGRES.to_owned(),
        chunks: chunks.iter().map(chunk).collect(),
        invalid_rows: None,
    }
}

/// A job of so many chunks with so many rows each.
pub fn job(n_chunks: u32, n_rows: u32) -> NewJob {
    let numbers: Vec<u32> = (1..=n_chunks * n_rows).collect();
    let chunks: Vec<&[u32]> = numbers.chunks(n_rows as usize).collect();
    job_of(&chunks)
}

/// A page on which so many rows changed and so many were in hand; nobody is told.
pub const fn changed(n_changed: i64, n_in_hand: i64) -> RowsChanged {
    RowsChanged {
        n_changed,
        n_in_hand,
        goes_on: n_changed > 0,
        n_callback_events: 0,
    }
}

/// A provider could not take it; it waits for the next attempt.
pub fn failed(id: NotificationId, token: Uuid) -> Marking {
    Marking {
        status: Status::Created,
        reference: None,
        event: TimelineEvent::Attempted,
        reason: Some(Reason::ProviderFailure),
        retry_after: Some(Duration::from_secs(3_600)),
        detail: json!({}),
        ..accepted(id, token)
    }
}

impl Given {
    pub async fn create(&self, job: NewJob) -> JobId {
        let id = job.id;
        job::create(self, job).await.expect("the job can be made");
        id
    }

    pub async fn claim_under(&self, job_id: JobId, token: Uuid) -> Claim {
        job::claim_chunk(self, job_id, token, LEASE)
            .await
            .expect("PostgreSQL answers")
            .expect("there is such a job")
    }

    /// Claims a job's next chunk under a new token; none if none is free.
    pub async fn try_chunk(&self, job_id: JobId) -> Option<ClaimedChunk> {
        self.claim_under(job_id, Uuid::new_v4()).await.chunk
    }

    /// The same, and one must be free.
    pub async fn chunk(&self, job_id: JobId) -> ClaimedChunk {
        self.try_chunk(job_id).await.expect("a chunk is free")
    }

    /// What a worker reads of a chunk.
    pub async fn rows_of(&self, chunk: &ClaimedChunk) -> Vec<JobRow> {
        let payload = payload::read_chunk(self, chunk.job_id, chunk.chunk).await;
        let payload = payload.expect("PostgreSQL answers");
        read_chunk(&payload.expect("the payload is there")).expect("it is whole")
    }

    pub async fn save_rows(&self, chunk: &ClaimedChunk) -> SavedChunk {
        let rows = self.rows_of(chunk).await;
        job::save_chunk(self, chunk, &rows)
            .await
            .expect("the chunk can be saved")
    }

    /// Saves whatever can be claimed; the ids in the order they were saved.
    pub async fn save_all(&self, job_id: JobId) -> Vec<NotificationId> {
        let mut ids = Vec::new();
        while let Some(chunk) = self.try_chunk(job_id).await {
            let saved = self.save_rows(&chunk).await;
            assert!(saved.is_ours);
            ids.extend(saved.ids);
        }
        ids
    }

    /// A finished job with so many rows in each of its chunks, and the ids of its rows.
    pub async fn finished(&self, n_chunks: u32, n_rows: u32) -> (JobId, Vec<NotificationId>) {
        let job_id = self.create(job(n_chunks, n_rows)).await;
        let ids = self.save_all(job_id).await;
        assert!(job::finish(self, job_id).await.expect("PostgreSQL answers"));
        (job_id, ids)
    }

    pub async fn moved(&self, job_id: JobId, event: JobEvent) {
        let moved = job::move_on(self, job_id, event, Some(JobReason::Requested)).await;
        assert!(moved.expect("PostgreSQL answers"), "{event} is not for it");
    }

    pub async fn change(&self, job_id: JobId, change: RowChange, limit: i64) -> RowsChanged {
        job::change_rows(self, job_id, change, limit)
            .await
            .expect("PostgreSQL answers")
    }

    /// Where a job stands, in words.
    pub async fn job_row(&self, job_id: JobId) -> String {
        let query = format!(
            "SELECT concat_ws(' ', status, 'reason=' || status_reason, 'change=' || row_change,
                CASE WHEN started_at IS NOT NULL THEN 'started' END,
                CASE WHEN finished_at IS NOT NULL THEN 'finished' END,
                CASE WHEN checked_at IS NOT NULL THEN 'checked' END,
                CASE WHEN relayed_at IS NULL THEN 'to-send-on' END,
                'open=' || (SELECT count(*) FROM job_chunks WHERE job_id = id AND saved_at IS NULL))
             FROM jobs WHERE id = '{job_id}'"
        );
        let row = self.database.client().await.query_opt(&query, &[]).await;
        row.expect("the query is right")
            .map_or_else(|| "gone".to_owned(), |row| row.get(0))
    }

    /// How many rows of a table match.
    pub async fn count(&self, table_and_condition: &str) -> i64 {
        let query = format!("SELECT count(*) FROM {table_and_condition}");
        self.database.number(&query).await
    }
}
