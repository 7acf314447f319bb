//! Which queues a run deletes, and why not the others.

use carillon_core::queue::Queue;

/// What deleting a queue with everything in it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Ids of rows in PostgreSQL: the lane's watermark proves what fell out, and it is sent on.
    Ids,
    /// The only copy of what was accepted or reported: no user of the application may delete it.
    OnlyCopy,
}

/// What a queue holds.
#[must_use]
pub const fn content(queue: Queue) -> Content {
    match queue {
        Queue::SendEmail
        | Queue::SendSms
        | Queue::SendEmailBulk
        | Queue::SendSmsBulk
        | Queue::Priority
        | Queue::Retry
        | Queue::ResearchMode
        | Queue::Callbacks
        | Queue::CallbacksRetry
        | Queue::Jobs => Content::Ids,
        Queue::Database
        | Queue::DatabasePriority
        | Queue::DatabaseBulk
        | Queue::SaveApiEmail
        | Queue::SaveApiSms
        // A provider that was told 200 does not report again.
        | Queue::SesCallbacks
        | Queue::SmsCallbacks => Content::OnlyCopy,
    }
}

/// The queues that a run may delete, in which something is to be expected.
#[must_use]
pub fn deletable() -> Vec<Queue> {
    let all = Queue::ALL.iter().copied();
    all.filter(|queue| content(*queue) == Content::Ids && *queue != Queue::ResearchMode)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_has_a_watermark_by_which_it_is_rebuilt() {
        let lanes: Vec<Queue> = Queue::lanes().collect();
        assert!(!deletable().is_empty());
        for queue in Queue::ALL {
            let is_lane = lanes.contains(queue);
            assert_eq!(content(*queue) == Content::Ids, is_lane, "{queue}");
        }
    }
}
