//! Jobs: many notifications of one request.
//!
//! In the order of a job's life: [`create()`]; chunk by chunk [`claim_chunk()`], [`save_chunk()`]; then
//! [`finish()`]. Somebody may [`move_on()`] it, and [`change_rows()`] makes its saved rows follow. The poller
//! asks for what [`stands_still()`], counts the rows of what is done with [`reopen_missing()`], and
//! [`remove_expired()`]. For readers: [`read()`], [`read_page()`], [`statistics()`], [`read_rows()`].
//!
//! A chunk is claimed with a lease and saved in one transaction with the fact that it is; the ids of
//! its rows are derived from job and row. So whoever takes a chunk over makes the same rows.

mod backlog;
mod change;
mod change_rows;
mod claim_chunk;
mod create;
mod finish;
pub mod outside;
pub mod payload;
mod read;
mod retention;
mod retries;
mod rows;
mod save_chunk;
mod stands_still;
mod went_on_late;

pub use backlog::{Backlog, backlog};
pub use change::move_on;
pub use change_rows::{RowsChanged, change_rows, rows_are_changed};
pub use claim_chunk::{Claim, ClaimedChunk, claim_chunk, give_back_chunk};
pub use create::{ChunkOf, CreateError, NewJob, Once, create, create_once};
pub use finish::{finish, reopen_missing, unchecked};
pub use read::{Filter, Job, count_saved, read, read_page, statistics};
pub use retention::{Expired, expired, remove_expired, withdraw_expired};
pub use retries::{Retries, retries};
pub use rows::{FailedRow, JobRowStatus, RowFilter, read_failed_rows, read_rows};
pub use save_chunk::{SavedChunk, save_chunk};
pub use stands_still::{StandsStill, send_on_again, stands_still};
pub use went_on_late::went_on_late;

use carillon_core::id::NotificationId;
use chrono::{DateTime, Duration, Utc};

/// Between which ids the rows of a job lie: the first included, the last not. Ids carry the job's
/// first start (house rule 6), so one day's partition is read.
fn span(started_at: DateTime<Utc>) -> (NotificationId, NotificationId) {
    let bound = NotificationId::lower_bound;
    (
        bound(started_at),
        bound(started_at + Duration::milliseconds(1)),
    )
}
