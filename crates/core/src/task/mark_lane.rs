//! Lane markers: proof that everything put into a queue before them has been taken out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Task;
use crate::queue::Queue;

/// Dropped into every queue of ids and every accept inbox by the poller; the worker that takes it records the
/// watermark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkLane {
    /// The queue it was put into.
    pub queue: Queue,
    /// The database's time just before it was published.
    pub published_at: DateTime<Utc>,
}

impl Task for MarkLane {
    const NAME: &'static str = "mark-lane";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_read() {
        let golden = r#"{"queue":"send-email","published_at":"2026-01-02T03:04:05Z"}"#;
        let task: MarkLane = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
    }
}
