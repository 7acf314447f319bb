//! One call: open the secrets, call, judge the answer, hand the result to the recorder.
//!
//! The claim wrote the attempt and its lease before any of this; no transaction is open while a
//! service is called.

use std::sync::Arc;
use std::time::Duration;

use carillon_core::id::CallbackId;
use carillon_core::queue::Queue;
use carillon_core::trace::TraceContext;
use carillon_core::webhook::{Answer, Ladder, Verdict};
use carillon_providers::webhook::{Call, Webhooks};
use carillon_runtime::crash_point;
use carillon_store::Store;
use carillon_store::callback::{CallResult, ClaimedCall};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Span;
use uuid::Uuid;

use super::recorder::{Recorder, Told};
use crate::delivery::IdInHand;

/// What all calls of the process share.
pub(super) struct Caller {
    pub store: Store,
    pub webhooks: Arc<Webhooks>,
    pub ladder: Ladder,
    pub recorder: Recorder,
    /// A call starts only with this much lease left: its time-out and a margin for the mark.
    pub call_needs: Duration,
}

/// A claimed event and the lease it is held under.
pub(super) struct Held {
    pub row: ClaimedCall,
    pub token: Uuid,
    pub lease_ends: Instant,
    pub id: IdInHand,
    pub slot: Slot,
}

/// One of an endpoint's slots; free again once dropped.
pub(super) struct Slot {
    pub endpoint: CallbackId,
    pub freed: mpsc::UnboundedSender<CallbackId>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // At shutdown nobody waits for it.
        let _ = self.freed.send(self.endpoint);
    }
}

/// What came of a call, as far as the outside has a part in it.
struct Heard {
    verdict: Verdict,
    http_status: Option<u16>,
    error: Option<String>,
    was_called: bool,
}

impl Held {
    /// The span of the call: in the message's own trace, however long after its accept, and linked
    /// to the batch that brought it here. Disabled unless somebody records the trace.
    pub fn span(&self, queue: Queue, brought_by: Option<TraceContext>) -> Span {
        let Some(accepted_by) = self.row.trace() else {
            return Span::none();
        };
        let span = tracing::info_span!(
            target: carillon_trace::TARGET,
            "call service",
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            http.request.method = "POST",
            http.response.status_code = tracing::field::Empty,
            carillon.notification.id = %self.row.notification_id,
            carillon.attempt = self.row.attempts,
            messaging.destination.name = queue.as_str(),
        );
        let span = carillon_trace::child(span, accepted_by);
        if let Some(batch) = brought_by {
            carillon_trace::link(&span, batch);
        }
        span
    }
}

impl Caller {
    /// Tells of one event. The slot is free once the receiver has answered well, and else with the
    /// task, which is settled once the result is written.
    pub async fn tell(&self, held: Held) {
        let Held {
            row,
            token,
            lease_ends,
            id,
            slot,
        } = held;
        if Instant::now() + self.call_needs > lease_ends {
            // The claim took so long that another may soon hold it: the rescue brings it again.
            id.settle();
            return;
        }
        let started = Instant::now();
        let heard = self.call(&row).await;
        let duration = started.elapsed();
        crash_point!("worker.call_service.answered");
        // An endpoint that fails, or asks to be left alone, fills its slots once and not again before
        // the next claim can know of it.
        let slot = (heard.verdict.has_failed() != Some(false)).then_some(slot);
        report(&heard, duration);
        let Heard {
            verdict,
            http_status,
            error,
            was_called,
        } = heard;
        let (retry_after, asked) = match verdict {
            Verdict::Retry { after } => (Some(after), None),
            Verdict::PutOff { asked, after } => (Some(after), Some(asked)),
            _ => (None, None),
        };
        let result = CallResult {
            id: row.id,
            callback_id: row.callback_id,
            version: row.version,
            token,
            attempt: row.attempts,
            outcome: verdict.outcome(),
            retry_after,
            http_status,
            error,
            duration,
            has_failed: verdict.has_failed().filter(|_| was_called),
            asked,
        };
        self.recorder.hand_over(Told { result, id, slot }).await;
    }

    async fn call(&self, row: &ClaimedCall) -> Heard {
        let judge = |answer| {
            let dice = rand::random();
            Verdict::of(answer, row.step(), row.begun_ago(), self.ladder, dice)
        };
        let credentials = match row.credentials(&self.store) {
            Ok(credentials) => credentials,
            Err(error) => {
                tracing::error!(service.id = %row.service_id, %error, "a service cannot be called");
                // As a server in trouble: whoever runs us may put the key back.
                let in_trouble = Answer::Status {
                    code: 500,
                    retry_after: None,
                };
                return Heard {
                    verdict: judge(in_trouble),
                    http_status: None,
                    error: Some("not called: the token or the secrets do not open".to_owned()),
                    was_called: false,
                };
            }
        };
        let body = row.change().body();
        let call = Call {
            id: row.id.0,
            notification_id: row.notification_id,
            url: &row.url,
            bearer_token: &credentials.token,
            secrets: &credentials.secrets,
            body: &body,
            at: row.claimed_at,
            trace_id: row.trace_id,
            trace: carillon_trace::current().filter(|_| row.trace().is_some()),
        };
        let answer = self.webhooks.call(&call).await;
        let verdict = judge(answer);
        let (http_status, error) = match answer {
            Answer::Status { code, .. } => (Some(code), None),
            Answer::Failed { why } => (None, Some(why.to_string())),
        };
        Heard {
            verdict,
            http_status,
            error,
            was_called: true,
        }
    }
}

fn report(heard: &Heard, duration: Duration) {
    let span = Span::current();
    if let Some(code) = heard.http_status {
        span.record("http.response.status_code", code);
    }
    if heard.verdict != Verdict::Delivered {
        span.record("otel.status_code", "error");
    }
    let outcome = match heard.verdict.outcome() {
        Some(outcome) => outcome.as_str(),
        None => "retry",
    };
    metrics::counter!("carillon_service_calls_total", "outcome" => outcome).increment(1);
    if heard.was_called {
        metrics::histogram!("carillon_service_call_seconds").record(duration);
    }
}
