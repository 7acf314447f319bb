//! The loop that sends receipts when they are due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use super::post::{Callback, Reply};
use super::{Due, backoff};
use crate::sandbox::Sandbox;

/// Sends every receipt that arrives from `arrivals`, each until the API confirms or refuses it.
///
/// Ends with `stop`. What is in flight then counts as not sent: the log still owes it, and after a
/// restart the API may get it twice, with the same event id.
pub async fn deliver(
    sandbox: &Sandbox,
    callback: &Callback,
    mut arrivals: UnboundedReceiver<Due>,
    stop: CancellationToken,
) {
    let mut waiting = Waiting::default();
    let mut gate = Gate::default();
    let mut in_flight = FuturesUnordered::new();
    let mut controls = sandbox.watch_controls();
    let mut arrived = Vec::with_capacity(ARRIVALS_AT_ONCE);
    loop {
        let is_held = controls.borrow_and_update().hold_receipts;
        let now = Instant::now();
        while !is_held && in_flight.len() < gate.window() {
            let Some(due) = waiting.pop_due(&gate, now) else {
                break;
            };
            in_flight.push(try_once(callback, due));
        }
        let has_room = !is_held && in_flight.len() < gate.window();
        let next_at = waiting.next_at(&gate).filter(|_| has_room);
        tokio::select! {
            () = stop.cancelled() => return,
            n = arrivals.recv_many(&mut arrived, ARRIVALS_AT_ONCE) => {
                if n == 0 {
                    return;
                }
                arrived.drain(..).for_each(|due| waiting.push(due));
            }
            Some(tried) = in_flight.next() => settle(sandbox, &mut gate, &mut waiting, tried),
            () = sleep_until(next_at.unwrap_or(now)), if next_at.is_some() => {}
            // Only fails when the sandbox is gone, and this borrows it.
            _ = controls.changed() => {}
        }
    }
}

const ARRIVALS_AT_ONCE: usize = 256;

/// A receipt that was tried, when that began, and the reply.
#[derive(Clone, Copy)]
struct Tried {
    due: Due,
    started: Instant,
    reply: Reply,
}

async fn try_once(callback: &Callback, due: Due) -> Tried {
    let started = Instant::now();
    let reply = match due.pending.receipt(due.event_at) {
        Some(receipt) => {
            callback
                .post(due.pending.channel, &receipt, due.trace)
                .await
        }
        // Nothing is owed any more.
        None => Reply::Confirmed,
    };
    Tried {
        due,
        started,
        reply,
    }
}

fn settle(sandbox: &Sandbox, gate: &mut Gate, waiting: &mut Waiting, tried: Tried) {
    let Tried {
        mut due,
        started,
        reply,
    } = tried;
    let next = match reply {
        Reply::Confirmed => {
            gate.succeeded();
            sandbox.settle(due.pending, true)
        }
        Reply::Refused(status) => {
            // An answer all the same: the API is there.
            gate.succeeded();
            let (id, status) = (due.pending.id, status.as_u16());
            tracing::warn!(notification.id = %id, status, "the API refused a receipt; dropped");
            sandbox.settle(due.pending, false)
        }
        Reply::Later(status) => {
            let now = Instant::now();
            gate.failed(started, now);
            due.n_tries += 1;
            let (id, status) = (due.pending.id, status.map(|status| status.as_u16()));
            tracing::debug!(notification.id = %id, status, "a receipt was not taken");
            due.at = now + backoff::wait(due.n_tries, dice(&due));
            Some(due)
        }
    };
    waiting.extend(next);
}

/// Differs between receipts and between tries of one.
fn dice(due: &Due) -> u16 {
    let random_bits = due.pending.reference.as_u128();
    let shift = (due.n_tries % 3) * 16;
    u16::try_from((random_bits >> shift) & 0xffff).unwrap_or(u16::MAX)
}

/// Receipts by the time they are due.
#[derive(Default)]
struct Waiting(BinaryHeap<Reverse<ByTime>>);

impl Waiting {
    fn push(&mut self, due: Due) {
        self.0.push(Reverse(ByTime(due)));
    }

    fn extend(&mut self, due: Option<Due>) {
        due.into_iter().for_each(|due| self.push(due));
    }

    fn next_at(&self, gate: &Gate) -> Option<Instant> {
        let Reverse(ByTime(next)) = self.0.peek()?;
        Some(
            gate.opens_at()
                .map_or(next.at, |opens_at| next.at.max(opens_at)),
        )
    }

    fn pop_due(&mut self, gate: &Gate, now: Instant) -> Option<Due> {
        self.next_at(gate).filter(|&at| at <= now)?;
        self.0.pop().map(|Reverse(ByTime(due))| due)
    }
}

struct ByTime(Due);

impl PartialEq for ByTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByTime {}

impl PartialOrd for ByTime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTime {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.at.cmp(&other.0.at)
    }
}
