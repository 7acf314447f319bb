//! A test call: finds out whether a receiver takes calls, and tells it nothing.

use carillon_core::id::{self, NotificationId};
use carillon_core::webhook::Answer;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Call, Webhooks};

/// What a test call says, for either kind of callback.
const BODY: &[u8] = br#"{"health_check":"true"}"#;

/// What came of a test call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Whether the receiver took it.
    pub delivered: bool,
    /// The status code of the answer.
    pub http_status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl Webhooks {
    /// Makes a test call at `at`, the database's time, signed and with the token like any other.
    pub async fn try_out(
        &self,
        url: &str,
        bearer_token: &str,
        secrets: &[String],
        at: DateTime<Utc>,
    ) -> Tried {
        let started = Instant::now();
        let call = Call {
            id: id::mint(),
            notification_id: NotificationId(Uuid::nil()),
            url,
            bearer_token,
            secrets,
            body: BODY,
            at,
            trace_id: None,
            trace: None,
        };
        let answer = self.call(&call).await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Tried::of(answer, duration_ms)
    }
}

impl Tried {
    fn of(answer: Answer, duration_ms: u64) -> Self {
        let (http_status, error) = match answer {
            Answer::Status { code, .. } => (Some(code), None),
            Answer::Failed { why } => (None, Some(why.to_string())),
        };
        Self {
            delivered: http_status.is_some_and(|code| (200..300).contains(&code)),
            http_status,
            error,
            duration_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::webhook::CallFailure;

    use super::*;

    #[test]
    fn only_success_counts_as_taken() {
        let status = |code| Answer::Status {
            code,
            retry_after: None,
        };
        for (code, delivered) in [
            (199, false),
            (200, true),
            (299, true),
            (302, false),
            (500, false),
        ] {
            let tried = Tried::of(status(code), 1);
            assert_eq!(
                (tried.delivered, tried.http_status),
                (delivered, Some(code))
            );
        }
        let why = CallFailure::TimedOut;
        let tried = Tried::of(Answer::Failed { why }, 1);
        assert_eq!(tried.error.as_deref(), Some("no answer in time"));
        assert!(!tried.delivered);
    }
}
