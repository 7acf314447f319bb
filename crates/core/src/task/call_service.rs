//! Tell a service of changes: ids only, for the rows are the truth.

use serde::{Deserialize, Serialize};

use super::Task;
use crate::id::{CallbackEventId, CallbackId};

/// Tell one endpoint of these. May be repeated or lost: the claim makes repeats harmless and the
/// poller rescues what is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallService {
    /// Whose they are. One message is for one endpoint, so that a worker knows before it claims
    /// whether the endpoint has room, and a slow one holds up no other's message.
    pub callback_id: CallbackId,
    /// At most [`CallService::MAX_IDS`].
    pub ids: Vec<CallbackEventId>,
}

impl CallService {
    /// The most ids in one message.
    pub const MAX_IDS: usize = 100;
}

impl Task for CallService {
    const NAME: &'static str = "call-service";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_read() {
        let golden = r#"{"callback_id":"019a0000-0000-7000-8000-000000000002","ids":["019a0000-0000-7000-8000-000000000001"]}"#;
        let task: CallService = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
    }
}
