//! What must be so in the end.

use serde_json::Value;

use super::{ANSWERS_WITHIN, SETTLES_WITHIN, Stack};
use crate::eventually;

impl Stack {
    /// How many notifications have a status.
    ///
    /// # Panics
    /// When the database is away.
    pub async fn status_count(&self, status: &str) -> i64 {
        let client = self.database.client().await;
        let query = "SELECT count(*) FROM notifications WHERE status = $1";
        let row = client.query_one(query, &[&status]).await;
        row.unwrap_or_else(|error| panic!("{query}: {error:?}"))
            .get(0)
    }

    /// Waits until nothing is under way, and checks that nothing was lost or set aside: every
    /// notification is in a final status, none waits, the quarantine and all queues, those of
    /// dead letters included, are empty.
    ///
    /// # Panics
    /// When something is left.
    pub async fn assert_settled(&self) {
        // `sent` is an end too: nothing is heard after it.
        const UNSETTLED: &str = "SELECT count(*) FROM notifications \
            WHERE status IN ('created', 'sending', 'pending') \
               OR dispatched_at IS NOT NULL OR due_at IS NOT NULL OR lease_until IS NOT NULL";
        eventually(
            "every notification is in a final state",
            SETTLES_WITHIN,
            async || (self.database.number(UNSETTLED).await == 0).then_some(()),
        )
        .await;
        let quarantined = self
            .database
            .number("SELECT count(*) FROM quarantine")
            .await;
        assert_eq!(quarantined, 0, "rows in quarantine");
        // Lane markers come and go for as long as a poller runs.
        eventually(
            "the dead-letter queues are empty",
            ANSWERS_WITHIN,
            async || (self.dead_letters().await == 0).then_some(()),
        )
        .await;
    }

    /// How many messages are in dead-letter queues, as `carillon queues` counts them.
    ///
    /// # Panics
    /// When it does not say.
    pub async fn dead_letters(&self) -> u64 {
        let printed = self.carillon(&["queues", "--format", "json"]).await;
        let answer: Value = serde_json::from_str(&printed)
            .unwrap_or_else(|error| panic!("carillon queues --format json: {error}: {printed}"));
        let queues = answer["queues"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        assert!(!queues.is_empty(), "carillon queues shows no queue");
        queues
            .iter()
            .map(|queue| queue["dead"].as_u64().unwrap_or(0))
            .sum()
    }
}
