//! One delivery: render, call the provider, decide, hand the result to the marker.
//!
//! The claim wrote the attempt and its lease before any of this; no transaction is open while a
//! provider is called.

mod budgets;
mod content;
mod in_hand;
mod marker;
mod pacer;
mod pass;
mod routes;
mod turns;
mod urgency;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carillon_core::ambiguity::WhenAnswerLost;
use carillon_core::attempt::{Attempt, Outcome, Verdict};
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

pub(crate) use in_hand::{IdInHand, TasksInHand};
pub(crate) use routes::Pause;
pub(crate) use turns::{ByDestination, Destination, Turn, Turns, Wants};

use crate::waker::Waker;
use budgets::Budgets;
use content::{Contents, NotSendable};
use marker::{Answer, Marker};
use pass::Pass;
use routes::{NoRoute, Route, Routes};
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
    /// Who is next where there are fewer turns than all want.
    pub turns: Arc<Turns>,
}

/// The wait of a message that could not start for a reason of ours.
const HOLD: Duration = Duration::from_secs(5);
/// The wait of one that is held until an administrator releases it: longer than any is kept open
/// (`store/src/limits/release_rows.sql` knows it by that).
const UNTIL_RELEASED: Duration = Duration::from_secs(100 * 86_400);
/// A provider that asks for less than this is called again by the same worker …
const MOMENT: Duration = Duration::from_millis(100);
/// … if there is a turn so soon …
const SOON: Duration = Duration::from_secs(1);
/// … so often. More refusals are no accident, and others may be before the message.
const MOST_REFUSED: u32 = 3;
/// The shortest wait for a provider that is left alone.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

impl Deliveries {
    /// How often [`refresh_routes`](Self::refresh_routes) is worth its statement.
    pub const REFRESH_ROUTES_EVERY: Duration = Routes::REFRESH_EVERY;

    pub fn new(app: &App, store: Store, waker: Waker) -> Result<Self, SetupError> {
        let settings = &app.settings;
        let timeout = settings.delivery.provider_timeout;
        Ok(Self {
            contents: Contents::new(store.clone(), settings),
            routes: Routes::new(
                store.clone(),
                Budgets::start(app, store.clone()),
                &settings.sandbox.url,
                timeout,
                settings.delivery.breaker_failures,
            )?,
            marker: Marker::start(store.clone(), &app.tasks, waker),
            lease: settings.delivery.lease,
            call_needs: timeout + Duration::from_secs(2),
            retry_scale: settings.retry.scale,
            max_attempts: settings.retry.max_attempts,
            shutdown: app.shutdown.clone(),
            urgency: Urgency::default(),
            turns: Arc::default(),
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

    /// How many calls to a destination can start within moments; `usize::MAX` is any number.
    pub fn n_turns(&self, destination: Destination, n_waiting: usize) -> usize {
        let ahead = self.turns.ahead();
        self.routes.turns(destination, ahead, n_waiting)
    }

    /// Whether nobody of a destination may be called now.
    pub fn pause(&self, destination: Destination) -> Option<Pause> {
        self.routes.pause(destination)
    }

    /// Delivers one claimed row. The slot is free once the provider has answered; the task is
    /// settled once the result is written.
    pub async fn deliver(&self, held: Held, id: IdInHand, slot: OwnedSemaphorePermit, turn: Turn) {
        let marking = match self.prepare(&held, turn).await {
            Err(verdict) => marking(&held, verdict, None, json!({})),
            Ok((message, pass)) => self.call(&held, &message, pass).await,
        };
        crash_point!("worker.deliver.answered");
        drop(slot);
        self.marker.hand_over(Answer { marking, id }).await;
    }

    /// Everything that can be known before the call; an error is a verdict without one.
    async fn prepare(&self, held: &Held, turn: Turn) -> Result<(OutgoingMessage, Pass), Verdict> {
        let row = &held.row;
        if let Some(reason) = row.suppressed_for() {
            return Err(Verdict::suppressed(reason));
        }
        let (content, unsubscribe_url) = match self.write(row).await {
            Ok(written) => written,
            Err(NotSendable::Never(reason)) => return Err(Verdict::give_up(reason)),
            Err(NotSendable::Held(reason)) => return Err(Verdict::hold(reason, UNTIL_RELEASED)),
            Err(NotSendable::NotNow(error)) => {
                tracing::warn!(notification.id = %row.id, %error, "cannot read what to send");
                return Err(Verdict::hold(Reason::GivenBack, HOLD));
            }
        };
        let failed_at = row.failed_at.as_deref();
        let chosen = self.routes.choose(row.channel, row.key_type, failed_at);
        let pass = chosen.map_err(|none| match none {
            NoRoute::Unconfigured => Verdict::hold(Reason::NoProvider, HOLD),
            NoRoute::Paused(wait) => Verdict::hold(Reason::ProviderPaused, spread(wait)),
        })?;
        let start = pass
            .route()
            .pacer
            .turn(self.latest_start(held))
            .map_err(|wait| Verdict::hold(Reason::ProviderRate, wait))?;
        // The pacer knows of it now.
        drop(turn);
        if !self.is_time(start, held).await {
            return Err(Verdict::hold(Reason::GivenBack, Duration::ZERO));
        }
        let message = OutgoingMessage {
            id: row.id,
            attempt: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            recipient: row.normalised_recipient.clone(),
            content,
            unsubscribe_url,
            is_trial: false,
        };
        Ok((message, pass))
    }

    /// No call starts with less lease left than it needs.
    fn latest_start(&self, held: &Held) -> Instant {
        held.lease_ends - self.call_needs
    }

    /// Waits until a call may start; false if it must not start any more.
    async fn is_time(&self, start: Instant, held: &Held) -> bool {
        tokio::select! {
            () = tokio::time::sleep_until(start) => Instant::now() <= self.latest_start(held),
            () = self.shutdown.cancelled() => false,
        }
    }

    async fn write(&self, row: &Claimed) -> Result<(Content, Option<String>), NotSendable> {
        let content = self.contents.of(row).await?;
        Ok((content, self.contents.unsubscribe_url(row).await?))
    }

    /// Calls the provider. A refusal that asks for less than a moment costs the message its turn and
    /// no more: it has the next one. Returns how often that was so, too.
    async fn send(&self, held: &Held, message: &OutgoingMessage, route: &Route) -> (Outcome, u32) {
        let mut n_refused = 0;
        loop {
            let outcome = route.provider.send(message).await;
            let Outcome::Throttled { after } = outcome else {
                return (outcome, n_refused);
            };
            route.pacer.refused();
            if after > MOMENT || n_refused == MOST_REFUSED {
                return (outcome, n_refused);
            }
            let soon = Instant::now() + SOON;
            let Ok(start) = route.pacer.turn(soon.min(self.latest_start(held))) else {
                return (outcome, n_refused);
            };
            if !self.is_time(start.max(Instant::now() + after), held).await {
                return (outcome, n_refused);
            }
            n_refused += 1;
        }
    }

    async fn call(&self, held: &Held, message: &OutgoingMessage, pass: Pass) -> Marking {
        let row = &held.row;
        let (outcome, n_refused) = self.send(held, message, pass.route()).await;
        let route = pass.used(&outcome);
        let provider = route.provider.name();
        let when_answer_lost = match outcome {
            Outcome::Ambiguous { .. } => self.contents.when_answer_lost(row).await,
            _ => WhenAnswerLost::default(),
        };
        let may_fail_over =
            row.failed_at.is_none() && self.routes.has_another(row.channel, row.key_type, provider);
        let attempt = Attempt {
            number: message.attempt,
            policy: self.policy(row),
            has_receipts: route.provider.has_receipts(),
            may_fail_over,
            when_answer_lost,
        };
        let verdict = Verdict::of(&outcome, attempt);
        let mut detail = json!({
            "provider": provider,
            "attempt": message.attempt,
            "outcome": outcome.name(),
            "detail": outcome.detail(),
            "reference": reference(&outcome),
        });
        if n_refused > 0 {
            detail["refused_before"] = n_refused.into();
        }
        let mut marking = marking(held, verdict, Some(provider), detail);
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

/// The wait for a provider that is left alone, so that not all come back at once.
fn spread(wait: Duration) -> Duration {
    let dice: f64 = rand::random();
    wait.max(SHORTEST_PAUSE).mul_f64(1.0 + dice / 2.0)
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
