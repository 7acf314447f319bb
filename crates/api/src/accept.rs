//! Accepting: the hot path from a checked request to durability.
//!
//! The broker is the inbox: a message is accepted once its inbox queue has confirmed it. When the
//! broker is away, or does not confirm in time, the same ids go to PostgreSQL, where they wait for
//! the poller. A confirm that comes after that is harmless: saving a row that exists does nothing,
//! and the claim lets one delivery through.
//!
//! What has an idempotency key goes to PostgreSQL first, which alone can tell whether it is new
//! (`keyed`).

mod keyed;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carillon_amqp::{Error, Outgoing, Publisher};
use carillon_core::breaker::{Breaker, Route};
use carillon_core::queue::{INBOXES, Queue};
use carillon_core::reason::{QuarantineReason, Reason};
use carillon_core::task::{SaveNotification, Task};
use carillon_core::trace::TraceContext;
use carillon_runtime::settings::Api;
use carillon_runtime::{Tasks, crash_point};
use carillon_store::Store;
use carillon_store::idempotency::KeyedNotification;
use carillon_trace::Operation;
use parking_lot::Mutex;
use tracing::{Instrument, Span};

use crate::coalesce::Coalescer;
use crate::idempotency::Turn;
use crate::ledger::Ledger;
use keyed::{Keyed, Results};

pub(crate) use keyed::Once;

/// Takes checked notifications and makes them durable.
pub(crate) struct Accept {
    inboxes: HashMap<Queue, Coalescer<Accepted, Result<(), BothAway>>>,
    keyed: Coalescer<Keyed, Results>,
}

/// A checked notification and its JSON, written once.
struct Accepted {
    notification: SaveNotification,
    body: Bytes,
}

/// Neither the broker nor PostgreSQL took it: it is not accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BothAway;

/// Notifications that share one message.
const BATCH: usize = 100;
/// Beyond this a batch becomes several messages.
const MESSAGE_BYTES: usize = 1 << 20;
/// PostgreSQL must take a batch within this time when the broker does not.
const SAVE_WITHIN: Duration = Duration::from_secs(2);

/// A batch as few messages: none much larger than [`MESSAGE_BYTES`], for brokers bound them.
fn messages(inbox: Queue, batch: &[Accepted], trace: Option<TraceContext>) -> Vec<Outgoing> {
    let message = |bodies: &[Bytes]| {
        let id = carillon_core::id::mint();
        Outgoing::batch::<SaveNotification>(inbox, id, bodies).traced(trace)
    };
    let mut messages = Vec::new();
    let (mut bodies, mut n_bytes) = (Vec::with_capacity(batch.len()), 0);
    for accepted in batch {
        if n_bytes > 0 && n_bytes + accepted.body.len() > MESSAGE_BYTES {
            messages.push(message(&bodies));
            bodies.clear();
            n_bytes = 0;
        }
        bodies.push(accepted.body.clone());
        n_bytes += accepted.body.len();
    }
    messages.push(message(&bodies));
    messages
}

struct Ways {
    store: Store,
    publisher: Publisher,
    breaker: Mutex<Breaker>,
    started: Instant,
    confirm_within: Duration,
    ledger: Ledger,
}

impl Accept {
    pub fn start(tasks: &Tasks, settings: &Api, store: Store, publisher: Publisher) -> Self {
        let ways = Arc::new(Ways {
            ledger: Ledger::start(tasks, store.clone()),
            store,
            publisher,
            breaker: Mutex::new(Breaker::default()),
            started: Instant::now(),
            confirm_within: settings.confirm_timeout,
        });
        let inboxes = INBOXES
            .into_iter()
            .map(|inbox| {
                let ways = Arc::clone(&ways);
                let coalescer = Coalescer::start(tasks, "accept", BATCH, move |batch| {
                    let ways = Arc::clone(&ways);
                    async move { ways.make_durable(inbox, batch).await }
                });
                (inbox, coalescer)
            })
            .collect();
        let keyed = Coalescer::start(tasks, "accept-keyed", BATCH, move |batch| {
            let ways = Arc::clone(&ways);
            async move { ways.accept_once(batch).await }
        });
        Self { inboxes, keyed }
    }

    /// Makes a notification durable. When this returns `Ok` it will not be lost.
    pub async fn accept(
        &self,
        inbox: Queue,
        notification: SaveNotification,
    ) -> Result<(), BothAway> {
        let body = Bytes::from(serde_json::to_vec(&notification).map_err(|_| BothAway)?);
        let coalescer = self.inboxes.get(&inbox).ok_or(BothAway)?;
        let accepted = coalescer.submit(Accepted { notification, body }).await;
        accepted.unwrap_or(Err(BothAway))
    }

    /// Makes a notification durable if its key is new; the turn at the key ends with that, even if
    /// nobody waits for it any more.
    pub async fn accept_once(&self, inbox: Queue, request: KeyedNotification, turn: Turn) -> Once {
        let id = request.notification.id;
        let keyed = Keyed {
            inbox,
            request,
            turn,
        };
        let settled = tokio::time::timeout(SAVE_WITHIN, self.keyed.submit(keyed)).await;
        let results = settled.ok().flatten();
        let result = results.and_then(|results| results.get(&id).cloned());
        result.unwrap_or(Once::Away)
    }
}

impl Ways {
    async fn make_durable(&self, inbox: Queue, batch: Vec<Accepted>) -> Result<(), BothAway> {
        crash_point!("api.accept.before-publish");
        let n = batch.len() as u64;
        if self.publish(inbox, &batch).await {
            crash_point!("api.accept.confirmed");
            let accepted = batch.iter().map(|accepted| &accepted.notification);
            self.ledger.accepted(accepted);
            metrics::counter!("carillon_accepted_total", "inbox" => inbox.as_str(), "way" => "broker")
                .increment(n);
            return Ok(());
        }
        let rows: Vec<_> = batch
            .into_iter()
            .map(|accepted| accepted.notification)
            .collect();
        let saved = tokio::time::timeout(SAVE_WITHIN, self.save(inbox, &rows)).await;
        if !matches!(saved, Ok(Ok(()))) {
            metrics::counter!("carillon_not_accepted_total", "inbox" => inbox.as_str())
                .increment(n);
            return Err(BothAway);
        }
        crash_point!("api.accept.saved");
        self.ledger.accepted(&rows);
        metrics::counter!("carillon_accepted_total", "inbox" => inbox.as_str(), "way" => "database")
            .increment(n);
        Ok(())
    }

    /// Whether the broker is worth a try: while it does not confirm, once a second.
    fn may_publish(&self) -> bool {
        self.publisher.is_connected()
            && self.breaker.lock().route(self.started.elapsed()) != Route::Bypass
    }

    /// Publishes the batch as one message; whether the inbox has confirmed it.
    async fn publish(&self, inbox: Queue, batch: &[Accepted]) -> bool {
        if !self.may_publish() {
            return false;
        }
        let traces = batch.iter().filter_map(|a| a.notification.trace);
        let span = carillon_trace::hop(Operation::Publish, inbox.as_str(), traces);
        let messages = messages(inbox, batch, carillon_trace::context(&span));
        self.confirmed(inbox, &messages, span).await
    }

    /// Publishes to one queue; whether that has confirmed everything in time.
    async fn confirmed(&self, queue: Queue, messages: &[Outgoing], span: Span) -> bool {
        let began = Instant::now();
        let published = tokio::time::timeout(self.confirm_within, self.publisher.publish(messages))
            .instrument(span)
            .await
            .unwrap_or_else(|_| Err(Error::Unavailable("no confirm in time".to_owned())));
        let mut breaker = self.breaker.lock();
        match published {
            Ok(()) => {
                if breaker.is_open() {
                    tracing::info!("the broker confirms again");
                }
                breaker.confirmed();
                metrics::histogram!("carillon_confirm_seconds")
                    .record(began.elapsed().as_secs_f64());
                true
            }
            Err(error) => {
                let was_open = breaker.is_open();
                breaker.failed(self.started.elapsed());
                if breaker.is_open() && !was_open {
                    tracing::error!(%error, "the broker does not confirm; accepting into PostgreSQL");
                }
                metrics::counter!("carillon_unconfirmed_total", "inbox" => queue.as_str())
                    .increment(1);
                false
            }
        }
    }

    /// Saves the rows as waiting for the broker; one that PostgreSQL refuses is set aside whole.
    async fn save(&self, inbox: Queue, rows: &[SaveNotification]) -> carillon_store::Result<()> {
        let reason = Some(Reason::BrokerAway);
        match carillon_store::notification::save(&self.store, rows, reason).await {
            Err(error) if !error.is_transient() => {}
            result => return result.map(|_| ()),
        }
        for row in rows {
            let one = std::slice::from_ref(row);
            match carillon_store::notification::save(&self.store, one, reason).await {
                Err(error) if !error.is_transient() => {
                    let payload = serde_json::to_vec(row).unwrap_or_default();
                    carillon_store::quarantine::put(
                        &self.store,
                        inbox.as_str(),
                        SaveNotification::NAME,
                        QuarantineReason::RefusedByDatabase,
                        &error.to_string(),
                        &payload,
                    )
                    .await?;
                }
                result => result.map(|_| ())?,
            }
        }
        Ok(())
    }
}
