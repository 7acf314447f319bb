//! The topology: every queue, its arguments and where its dead letters go. One list, nothing else.

use carillon_core::queue::Queue;

/// One queue as it is declared: durable, quorum.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The queue.
    pub queue: Queue,
    /// After so many failed deliveries a message moves to `<queue>.dead`. Attempts are counted in
    /// PostgreSQL; this limit is only against payloads that crash every worker. It must exceed the
    /// number of crashes that innocent prefetched messages may see.
    pub delivery_limit: i64,
}

/// The delivery limit of every queue; measured: 5 sent 500 innocent messages to the dead-letter
/// queue after six kills.
const DELIVERY_LIMIT: i64 = 64;

/// The delivery limit of dead-letter queues: practically none. Brokers from 4.0 on drop after 20
/// deliveries unless told otherwise, and a dead letter may be the only copy.
pub const DEAD_DELIVERY_LIMIT: i64 = 1_000_000;

/// Every queue.
pub fn all() -> impl Iterator<Item = Spec> {
    Queue::ALL.iter().map(|queue| Spec {
        queue: *queue,
        delivery_limit: DELIVERY_LIMIT,
    })
}

/// The name on the broker: an optional prefix isolates installations that share one.
#[must_use]
pub fn name(prefix: &str, queue: Queue) -> String {
    format!("{prefix}{queue}")
}

/// The name of a queue's dead-letter queue on the broker.
#[must_use]
pub fn dead_name(prefix: &str, queue: Queue) -> String {
    format!("{prefix}{}", queue.dead())
}

/// The queue of ids that has this name on the broker; none for what PostgreSQL cannot rebuild.
#[must_use]
pub fn lane_named(prefix: &str, name: &str) -> Option<Queue> {
    Queue::lanes().find(|queue| self::name(prefix, *queue) == name)
}
