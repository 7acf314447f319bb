//! Tasks: the payloads on the queues, one per file, each with its name and version.
//!
//! An additive change is `#[serde(default)]` at the same version; a breaking one is a new version
//! with both handlers registered until the old queue is drained. Each payload keeps a golden JSON
//! of every version it must still read.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub mod apply_receipts;
pub mod call_service;
pub mod deliver;
pub mod mark_lane;
pub mod process_job;
pub mod save_notifications;

pub use apply_receipts::ApplyReceipts;
pub use call_service::CallService;
pub use deliver::{Deliver, Deliverable};
pub use mark_lane::MarkLane;
pub use process_job::ProcessJob;
pub use save_notifications::SaveNotification;

/// A payload on a queue.
pub trait Task: Serialize + DeserializeOwned {
    /// The AMQP `type` property; also the name of the handler's file.
    const NAME: &'static str;
    /// The `x-version` header.
    const VERSION: u16 = 1;
}

/// Every task's name, in one list.
pub const NAMES: [&str; 6] = [
    SaveNotification::NAME,
    Deliver::NAME,
    MarkLane::NAME,
    ApplyReceipts::NAME,
    CallService::NAME,
    ProcessJob::NAME,
];
