//! Apply receipts to the notifications they speak of.

use serde::{Deserialize, Serialize};

use super::Task;
use crate::receipt::Receipt;

/// Receipts in the order in which they came; order does not matter to the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyReceipts {
    /// The receipts.
    pub receipts: Vec<Receipt>,
}

impl Task for ApplyReceipts {
    const NAME: &'static str = "apply-receipts";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_read() {
        let golden = r#"{"receipts":[{"notification_id":"019a0000-0000-7000-8000-000000000001","event_id":"e1","provider":"sandbox","reference":"r1","kind":"delivered","at":"2026-01-02T03:04:05Z","detail":null}]}"#;
        let task: ApplyReceipts = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
    }

    #[test]
    fn a_receipt_may_name_its_message_by_reference_and_have_a_subtype() {
        let golden = r#"{"receipts":[{"event_id":"e2","provider":"sns","reference":"r2","kind":"permanent-failure","at":"2026-01-02T03:04:05Z","detail":null,"subtype":"opted-out"}]}"#;
        let task: ApplyReceipts = serde_json::from_str(golden).unwrap();
        assert_eq!(task.receipts[0].notification_id, None);
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
    }
}
