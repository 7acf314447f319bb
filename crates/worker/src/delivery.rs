//! One delivery: render, call the provider, decide, hand the result to the marker.
//!
//! The claim wrote the attempt and its lease before any of this; no transaction is open while a
//! provider is called.

mod content;
mod in_hand;
mod marker;
mod pacer;
mod routes;
mod urgency;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carillon_core::attempt::{Outcome, Verdict};
use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::retry::RetryPolicy;
use carillon_core::trace::TraceContext;
use carillon_providers::outgoing::{Content, OutgoingMessage};
use carillon_providers::provider::SetupError;
use carillon_runtime::{App, crash_point};
use carillon_store::Store;
use carillon_store::notification::{Claimed, Marking};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;
use uuid::Uuid;

pub(crate) use in_hand::IdInHand;

use crate::waker::Waker;
use content::{Contents, NotSendable};
use marker::{Answer, Marker};
use routes::{Route, Routes};
use urgency::Urgency;

/// A claimed row and the lease it is held under.
pub(crate) struct Held {
    row: Claimed,
    token: Uuid,
    lease_ends: Instant,
}

impl Held {
    /// The span of its delivery: in the message's own trace, however long after its accept, and
    /// linked to the batch that brought it here. Disabled unless somebody records the trace.
    pub fn span(&self, queue: Queue, brought_by: Option<TraceContext>) -> Span {
        let Some(accepted_by) = self.row.trace() else {
            return Span::none();
        };
        let span = tracing::info_span!(
            target: carillon_trace::TARGET,
            "deliver",
            otel.kind = "consumer",
            carillon.notification.id = %self.row.id,
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

/// What all deliveries of the process share.
pub(crate) struct Deliveries {
    store: Store,
    contents: Contents,
    routes: Routes,
    marker: Marker,
    lease: Duration,
    /// A call starts only with this much lease left: its time-out and a margin for the mark.
    call_needs: Duration,
    retry_scale: f64,
    max_attempts: u32,
    shutdown: CancellationToken,
    /// What makes bulk give way.
    pub urgency: Urgency,
}

/// The wait of a message that could not start for a reason of ours.
const HOLD: Duration = Duration::from_secs(5);

impl Deliveries {
    /// How often [`refresh_routes`](Self::refresh_routes) is worth its statement.
    pub const REFRESH_ROUTES_EVERY: Duration = Routes::REFRESH_EVERY;

    pub fn new(app: &App, store: Store, waker: Waker) -> Result<Self, SetupError> {
        let settings = &app.settings;
        let timeout = settings.delivery.provider_timeout;
        Ok(Self {
            contents: Contents::new(store.clone(), settings),
            routes: Routes::new(store.clone(), &settings.sandbox.url, timeout)?,
            marker: Marker::start(store.clone(), &app.tasks, waker),
            lease: settings.delivery.lease,
            call_needs: timeout + Duration::from_secs(2),
            retry_scale: settings.retry.scale,
            max_attempts: settings.retry.max_attempts,
            shutdown: app.shutdown.clone(),
            urgency: Urgency::default(),
            store,
        })
    }

    /// Reads which providers there are; until the first time only the sandbox is known.
    pub async fn refresh_routes(&self) -> carillon_store::Result<()> {
        self.routes.refresh().await
    }

    /// Claims those of the ids that can start now; may be repeated with the same token.
    pub async fn claim(
        &self,
        ids: &[NotificationId],
        token: Uuid,
    ) -> carillon_store::Result<HashMap<NotificationId, Held>> {
        let lease_ends = Instant::now() + self.lease;
        let claimed =
            carillon_store::notification::claim(&self.store, ids, token, self.lease).await?;
        if let Some(row) = claimed.first() {
            self.routes.follow(row.providers_state).await;
        }
        Ok(claimed
            .into_iter()
            .map(|row| {
                (
                    row.id,
                    Held {
                        row,
                        token,
                        lease_ends,
                    },
                )
            })
            .collect())
    }

    /// Delivers one claimed row. The slot is free once the provider has answered; the task is
    /// settled once the result is written.
    pub async fn deliver(&self, held: Held, id: IdInHand, slot: OwnedSemaphorePermit) {
        let marking = match self.prepare(&held).await {
            Err(verdict) => marking(&held, verdict, None, json!({})),
            Ok((message, route)) => self.call(&held, &message, &route).await,
        };
        crash_point!("worker.deliver.answered");
        drop(slot);
        self.marker.hand_over(Answer { marking, id }).await;
    }

    /// Everything that can be known before the call; an error is a verdict without one.
    async fn prepare(&self, held: &Held) -> Result<(OutgoingMessage, Arc<Route>), Verdict> {
        let row = &held.row;
        if let Some(reason) = row.suppressed_for() {
            return Err(Verdict::suppressed(reason));
        }
        let attempt = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        if attempt > self.policy(row).max_attempts {
            // Its worker vanished on the last attempt, so no verdict was written then.
            return Err(Verdict::give_up(Reason::AttemptsExhausted));
        }
        let (content, unsubscribe_url) = match self.write(row).await {
            Ok(written) => written,
            Err(NotSendable::Never(reason)) => return Err(Verdict::give_up(reason)),
            Err(NotSendable::NotNow(error)) => {
                tracing::warn!(notification.id = %row.id, %error, "cannot read what to send");
                return Err(Verdict::hold(Reason::GivenBack, HOLD));
            }
        };
        let Some(route) = self.routes.choose(row.channel, row.key_type) else {
            return Err(Verdict::hold(Reason::NoProvider, HOLD));
        };
        // No call starts with less lease left than it needs.
        let latest = held.lease_ends - self.call_needs;
        let start = route
            .pacer
            .turn(latest)
            .map_err(|wait| Verdict::hold(Reason::ProviderRate, wait))?;
        tokio::select! {
            () = tokio::time::sleep_until(start) => {}
            () = self.shutdown.cancelled() => {
                return Err(Verdict::hold(Reason::GivenBack, Duration::ZERO));
            }
        }
        if Instant::now() > latest {
            return Err(Verdict::hold(Reason::GivenBack, Duration::ZERO));
        }
        let message = OutgoingMessage {
            id: row.id,
            attempt,
            recipient: row.normalised_recipient.clone(),
            content,
            unsubscribe_url,
            is_trial: false,
        };
        Ok((message, route))
    }

    async fn write(&self, row: &Claimed) -> Result<(Content, Option<String>), NotSendable> {
        let content = self.contents.of(row).await?;
        Ok((content, self.contents.unsubscribe_url(row).await?))
    }

    async fn call(&self, held: &Held, message: &OutgoingMessage, route: &Route) -> Marking {
        let outcome = route.provider.send(message).await;
        if let Outcome::Throttled { .. } = outcome {
            route.pacer.refused();
        }
        let policy = self.policy(&held.row);
        let verdict = Verdict::of(
            &outcome,
            message.attempt,
            policy,
            route.provider.has_receipts(),
        );
        let detail = json!({
            "provider": route.provider.name(),
            "attempt": message.attempt,
            "outcome": outcome.name(),
            "detail": outcome.detail(),
            "reference": reference(&outcome),
        });
        let mut marking = marking(held, verdict, Some(route.provider.name()), detail);
        marking.reference = reference(&outcome).map(ToOwned::to_owned);
        marking.referenced_by = route.provider.reports_by_reference();
        marking
    }

    fn policy(&self, row: &Claimed) -> RetryPolicy {
        let policy = RetryPolicy::of(row.channel, row.lane).scaled(self.retry_scale);
        RetryPolicy {
            max_attempts: self.max_attempts,
            ..policy
        }
    }
}

/// The provider's id of the message, as far as it can be kept.
fn reference(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Accepted { reference } if !reference.contains('\0') => Some(reference),
        _ => None,
    }
}

fn marking(held: &Held, verdict: Verdict, provider: Option<&str>, detail: Value) -> Marking {
    let Verdict {
        status,
        event,
        reason,
        retry_after,
        counted,
    } = verdict;
    Marking {
        id: held.row.id,
        token: held.token,
        status,
        provider: provider.map(ToOwned::to_owned),
        reference: None,
        referenced_by: None,
        event,
        reason,
        retry_after,
        counted,
        detail,
    }
}
