//! What the API says of a job that it made.

use anyhow::{Context, anyhow};
use carillon_core::id::JobId;
use indicatif::HumanCount;
use serde::Deserialize;
use serde_json::Value;

/// A job that was made just now, in the words of the send family or of the management API.
#[derive(Debug, Deserialize)]
pub(super) struct Accepted {
    pub id: JobId,
    #[serde(alias = "n_rows")]
    notification_count: u64,
    /// Rows that were left out.
    #[serde(alias = "n_invalid_rows")]
    invalid_rows: u64,
}

impl Accepted {
    pub fn parse(answer: &Value) -> anyhow::Result<Self> {
        let job = answer.get("data").unwrap_or(answer);
        if job["id"].is_null() {
            return Err(anyhow!("the API's answer names no job"));
        }
        Self::deserialize(job).context("the API's answer cannot be read")
    }

    /// In one line or two.
    pub fn text(&self) -> String {
        let n_rows = rows(self.notification_count);
        let accepted = format!("accepted job {}: {n_rows}", self.id);
        match self.invalid_rows {
            0 => accepted,
            n => format!(
                "{accepted}\nleft out {}: carillon job invalid-rows {}",
                rows(n),
                self.id
            ),
        }
    }
}

fn rows(n: u64) -> String {
    let rows = if n == 1 { "row" } else { "rows" };
    format!("{} {rows}", HumanCount(n))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "0198c6a2-1111-7000-8000-000000000001";

    #[test]
    fn what_was_left_out_is_said_with_the_way_to_it() {
        let data = json!({ "id": ID, "notification_count": 100_000, "invalid_rows": 2 });
        let accepted = Accepted::parse(&json!({ "data": data })).expect("a job");
        insta::assert_snapshot!(accepted.text(), @r"
        accepted job 0198c6a2-1111-7000-8000-000000000001: 100,000 rows
        left out 2 rows: carillon job invalid-rows 0198c6a2-1111-7000-8000-000000000001
        ");
    }

    #[test]
    fn the_management_api_s_words_are_read_too() {
        let job = json!({ "id": ID, "n_rows": 1, "n_invalid_rows": 0, "status": "pending" });
        let text = Accepted::parse(&job).expect("a job").text();
        assert!(text.ends_with(": 1 row"), "{text}");
    }

    #[test]
    fn an_answer_without_a_job_is_an_error() {
        assert!(Accepted::parse(&json!({ "data": {} })).is_err());
        assert!(Accepted::parse(&Value::Null).is_err());
    }
}
