//! The registry: which runner handles each queue.

mod apply_receipts;
mod call_service;
mod deliver;
mod mark_lane;
mod process_job;
mod save_notifications;

use carillon_amqp::{Delivery, Subscription, topology};
use carillon_core::queue::{CALLBACKS, DELIVERY, INBOXES, Queue, RECEIPTS};
use tokio::sync::mpsc;

use crate::context::Context;
use crate::roles::Roles;

/// Deliveries between the consumer and a runner; the prefetch is the real bound.
const BUFFER: usize = 64;
/// Unsettled inbox messages, each up to a hundred notifications.
const SAVE_PREFETCH: u16 = 60;
/// Unsettled receipt messages.
const RECEIPT_PREFETCH: u16 = 200;

/// Unsettled messages of calls, each up to a hundred ids of one endpoint: those of some thirty
/// overloaded endpoints, whose windows are 35 ids, if each id travels alone; so they keep no other's
/// waiting.
const CALL_PREFETCH: u16 = 1_024;

/// Unsettled tasks of jobs: few, for each is put back behind the others when it is done.
const JOB_PREFETCH: u16 = 8;

/// Starts the runner of every queue in the roles and returns what they consume.
pub(crate) fn start(cx: &Context, roles: &Roles, prefix: &str) -> Vec<Subscription> {
    let mut subscriptions = Vec::new();
    let mut subscribe = |name: String, prefetch: u16| -> mpsc::Receiver<Delivery> {
        let (deliveries, runner) = mpsc::channel(BUFFER);
        subscriptions.push(Subscription {
            name,
            prefetch,
            deliveries,
        });
        runner
    };
    for queue in INBOXES.into_iter().filter(|queue| roles.include(*queue)) {
        let inbox = subscribe(topology::name(prefix, queue), SAVE_PREFETCH);
        let cx_here = cx.clone();
        cx.tasks.spawn_essential("save", async move {
            save_notifications::run(&cx_here, queue.as_str(), inbox).await;
            Ok(())
        });
        // What exceeded the delivery limit was still accepted: it is saved one by one.
        let dead = subscribe(topology::dead_name(prefix, queue), 1);
        let cx_here = cx.clone();
        cx.tasks.spawn_essential("save-dead", async move {
            save_notifications::run(&cx_here, &queue.dead(), dead).await;
            Ok(())
        });
    }
    for queue in DELIVERY.into_iter().filter(|queue| roles.include(*queue)) {
        let tasks = subscribe(topology::name(prefix, queue), deliver::PREFETCH);
        let cx_here = cx.clone();
        cx.tasks.spawn_essential("deliver", async move {
            deliver::run(&cx_here, queue, tasks).await;
            Ok(())
        });
    }
    for queue in RECEIPTS.into_iter().filter(|queue| roles.include(*queue)) {
        let receipts = subscribe(topology::name(prefix, queue), RECEIPT_PREFETCH);
        let cx_here = cx.clone();
        cx.tasks.spawn_essential("receipts", async move {
            apply_receipts::run(&cx_here, queue.as_str(), receipts).await;
            Ok(())
        });
        // The provider has its 200 and will not report again.
        let dead = subscribe(topology::dead_name(prefix, queue), 1);
        let cx_here = cx.clone();
        cx.tasks.spawn_essential("receipts-dead", async move {
            apply_receipts::run(&cx_here, &queue.dead(), dead).await;
            Ok(())
        });
    }
    if roles.include(Queue::Jobs) {
        let jobs = subscribe(topology::name(prefix, Queue::Jobs), JOB_PREFETCH);
        let cx_here = cx.clone();
        cx.tasks.spawn_essential("jobs", async move {
            process_job::run(&cx_here, jobs).await;
            Ok(())
        });
    }
    let queues = CALLBACKS.into_iter().filter(|queue| roles.include(*queue));
    let queues: Vec<_> = queues
        .map(|queue| {
            (
                queue,
                subscribe(topology::name(prefix, queue), CALL_PREFETCH),
            )
        })
        .collect();
    if !queues.is_empty() {
        start_calls(cx, queues);
    }
    subscriptions
}

/// One runner for both queues, for they share slots and endpoints.
fn start_calls(cx: &Context, queues: Vec<(Queue, mpsc::Receiver<Delivery>)>) {
    let (tasks, runner) = mpsc::channel(BUFFER);
    for (queue, mut deliveries) in queues {
        let tasks = tasks.clone();
        cx.tasks.spawn_essential("calls-intake", async move {
            while let Some(delivery) = deliveries.recv().await {
                if tasks.send((queue, delivery)).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
    }
    let cx_here = cx.clone();
    cx.tasks.spawn_essential("call-service", async move {
        call_service::run(&cx_here, runner).await;
        Ok(())
    });
}
