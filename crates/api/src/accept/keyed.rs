//! Accepting what has an idempotency key: PostgreSQL decides and keeps, and the broker is told after.
//!
//! Many requests share one transaction and each has its own result. What is committed counts as on its
//! way, so it goes to its delivery queue at once; if that does not succeed it waits for the poller, and
//! if this process dies in between, the lane's watermark passes it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use carillon_amqp::Outgoing;
use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::task::{Deliver, SaveNotification};
use carillon_runtime::crash_point;
use carillon_store::idempotency::{Accepted as Saved, KeyedNotification, Stored};
use carillon_store::{Error, idempotency, notification};
use carillon_trace::Operation;
use futures::StreamExt;
use futures::future::join_all;

use super::Ways;
use crate::idempotency::Turn;

/// A notification under a key that was not used when it was looked up.
pub(super) struct Keyed {
    pub(super) inbox: Queue,
    pub(super) request: KeyedNotification,
    /// Nobody else has the key here until this is settled.
    pub(super) turn: Turn,
}

/// What became of a request with a key.
#[derive(Debug, Clone)]
pub(crate) enum Once {
    /// It is accepted.
    New,
    /// Another process was quicker with this.
    Before(Stored),
    /// Another process is about to use the key.
    InUse,
    /// PostgreSQL will never take one of its values.
    Refused,
    /// PostgreSQL does not answer. It may be accepted all the same; its key tells.
    Away,
}

/// The results of a batch.
pub(super) type Results = Arc<HashMap<NotificationId, Once>>;

/// Statements side by side when those of a batch have to go one by one.
const SIDE_BY_SIDE: usize = 4;

impl Ways {
    /// Accepts a batch in one transaction and sends on what is new.
    pub(super) async fn accept_once(&self, batch: Vec<Keyed>) -> Results {
        crash_point!("api.keyed.before-transaction");
        let (mut requests, mut inboxes, mut turns) = (Vec::new(), Vec::new(), Vec::new());
        for keyed in batch {
            requests.push(keyed.request);
            inboxes.push(keyed.inbox);
            turns.push(keyed.turn);
        }
        let results = self.save_once(&requests).await;
        crash_point!("api.keyed.committed");
        let new: Vec<_> = std::iter::zip(&requests, &results)
            .filter(|(_, result)| matches!(result, Once::New))
            .map(|(request, _)| &request.notification)
            .collect();
        self.ledger.accepted(new.iter().copied());
        self.send_on(&new).await;
        crash_point!("api.keyed.published");
        for (inbox, result) in std::iter::zip(inboxes, &results) {
            tell(inbox, result);
        }
        drop(turns);
        let ids = requests.iter().map(|request| request.notification.id);
        Arc::new(ids.zip(results).collect())
    }

    /// Saves all together; if one is in the way of the others, one by one.
    async fn save_once(&self, requests: &[KeyedNotification]) -> Vec<Once> {
        match idempotency::accept(&self.store, requests).await {
            Ok(saved) => saved.into_iter().map(Once::from).collect(),
            Err(error) if error.is_transient() || requests.len() == 1 => {
                let result = failed(&error);
                vec![result; requests.len()]
            }
            Err(_) => {
                let all: Vec<_> = requests.iter().map(|one| self.save_one(one)).collect();
                let all = futures::stream::iter(all).buffered(SIDE_BY_SIDE);
                all.collect().await
            }
        }
    }

    async fn save_one(&self, request: &KeyedNotification) -> Once {
        let saved = idempotency::accept(&self.store, std::slice::from_ref(request));
        match saved.await {
            Ok(saved) => saved.into_iter().next().map_or(Once::Away, Once::from),
            Err(error) => failed(&error),
        }
    }

    /// Hands saved rows to their delivery queues, or has them wait.
    async fn send_on(&self, rows: &[&SaveNotification]) {
        let mut by_queue: BTreeMap<Queue, Vec<&SaveNotification>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.scheduled_for.is_none()) {
            by_queue.entry(row.delivery_queue()).or_default().push(row);
        }
        let queues = by_queue.into_iter();
        join_all(queues.map(|(queue, rows)| self.deliver_or_hold(queue, rows))).await;
    }

    async fn deliver_or_hold(&self, queue: Queue, rows: Vec<&SaveNotification>) {
        if self.deliver(queue, &rows).await {
            return;
        }
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let (reason, now) = (Reason::BrokerAway, Duration::ZERO);
        let held = notification::hold(&self.store, &ids, reason, now, "api").await;
        if let Err(error) = held {
            tracing::warn!(%error, "accepted messages are left to the lane's watermark");
        }
    }

    /// Publishes the ids of rows of one queue; whether it has confirmed them.
    async fn deliver(&self, queue: Queue, rows: &[&SaveNotification]) -> bool {
        if !self.may_publish() {
            return false;
        }
        let traces = rows.iter().filter_map(|row| row.trace);
        let span = carillon_trace::hop(Operation::Publish, queue.as_str(), traces);
        let tasks = Deliver::all(rows.iter().map(|row| (*row).into()));
        let tasks = tasks.iter().map(|(queue, task)| {
            let task = Outgoing::task(*queue, carillon_core::id::mint(), task)?;
            Ok(task.traced(carillon_trace::context(&span)))
        });
        match tasks.collect::<serde_json::Result<Vec<_>>>() {
            Ok(tasks) => self.confirmed(queue, &tasks, span).await,
            Err(error) => {
                tracing::error!(%error, "ids have no JSON");
                false
            }
        }
    }
}

impl From<Saved> for Once {
    fn from(saved: Saved) -> Self {
        match saved {
            Saved::New => Self::New,
            Saved::Before(stored) => Self::Before(stored),
        }
    }
}

fn failed(error: &Error) -> Once {
    match error {
        Error::Conflict { .. } => Once::InUse,
        Error::Refused(_) => {
            tracing::error!(%error, "a request with an idempotency key cannot be saved");
            Once::Refused
        }
        error => {
            tracing::warn!(%error, "requests with idempotency keys are not accepted");
            Once::Away
        }
    }
}

fn tell(inbox: Queue, result: &Once) {
    let inbox = inbox.as_str();
    match result {
        Once::New => {
            metrics::counter!("carillon_accepted_total", "inbox" => inbox, "way" => "keyed")
                .increment(1);
        }
        Once::Away => {
            metrics::counter!("carillon_not_accepted_total", "inbox" => inbox).increment(1);
        }
        Once::Before(_) | Once::InUse | Once::Refused => {}
    }
}
