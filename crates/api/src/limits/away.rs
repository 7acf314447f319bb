//! Whether PostgreSQL answers those who ask for more.

use std::time::Duration;

use tokio::time::error::Elapsed;

/// An answer that takes longer has not come: requests wait for it.
pub(super) const WITHIN: Duration = Duration::from_millis(400);

/// Says once that it is away, and once that it is back.
pub(super) struct Away {
    kind: &'static str,
    is_away: bool,
}

impl Away {
    /// For leases of this kind.
    pub fn of(kind: &'static str) -> Self {
        Self {
            kind,
            is_away: false,
        }
    }

    /// Notes what came of an ask; the answer, if there was one.
    pub fn note<T>(&mut self, answer: Result<carillon_store::Result<T>, Elapsed>) -> Option<T> {
        let kind = self.kind;
        let (answer, error) = match answer {
            Ok(Ok(answer)) => (Some(answer), String::new()),
            Ok(Err(error)) => (None, error.to_string()),
            Err(_) => (None, "no answer in time".to_owned()),
        };
        let outcome = if answer.is_some() { "ok" } else { "error" };
        metrics::counter!("carillon_limit_leases_total", "kind" => kind, "outcome" => outcome)
            .increment(1);
        if answer.is_none() != self.is_away {
            self.is_away = answer.is_none();
            metrics::gauge!("carillon_limits_alone", "kind" => kind)
                .set(f64::from(u8::from(self.is_away)));
            if self.is_away {
                tracing::warn!(kind, error, "cannot lease limits; going on without");
            } else {
                tracing::info!(kind, "limits are leased again");
            }
        }
        answer
    }
}
