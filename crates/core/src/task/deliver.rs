//! Deliver notifications: ids only, for the rows are the truth.

use serde::{Deserialize, Serialize};

use super::Task;
use crate::id::NotificationId;

/// Deliver these, in this order. May be repeated or lost: the claim makes repeats harmless and the
/// poller rescues what is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliver {
    /// At most [`Deliver::MAX_IDS`].
    pub ids: Vec<NotificationId>,
}

impl Deliver {
    /// The most ids in one message: enough that the broker's cost per id is small, few enough
    /// that one worker does not hoard.
    pub const MAX_IDS: usize = 100;
}

impl Task for Deliver {
    const NAME: &'static str = "deliver";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_read() {
        let golden = r#"{"ids":["019a0000-0000-7000-8000-000000000001"]}"#;
        let task: Deliver = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
    }
}
