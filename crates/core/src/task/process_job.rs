//! Go on with a job: its id only, for the rows are the truth.

use serde::{Deserialize, Serialize};

use super::Task;
use crate::id::JobId;

/// Do the next piece of a job: save a chunk of its rows, or change a page of those saved. As many of
/// these travel for one job as pieces may be done at the same time; each is put back behind the
/// other jobs' while there is more to do. May be repeated or lost: a piece is claimed before it is
/// done, and the poller sends on what stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessJob {
    /// The job.
    pub job_id: JobId,
}

impl Task for ProcessJob {
    const NAME: &'static str = "process-job";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_read() {
        let golden = r#"{"job_id":"019a0000-0000-7000-8000-000000000001"}"#;
        let task: ProcessJob = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
    }
}
