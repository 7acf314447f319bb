//! The life of a notification: its statuses and the one function that moves between them.
//!
//! Receipts may come early, late, doubled and in any order. The status is therefore the highest of
//! what was heard: created < sending < pending < sent < temporary-failure < delivered <
//! permanent-failure. `technical-failure` and `cancelled` are our own verdicts, which no receipt
//! moves.

use crate::receipt::ReceiptKind;

text_enum! {
    /// Where a notification stands; the words clients read.
    pub enum Status {
        /// Accepted: on its way or waiting.
        Created = "created",
        /// A provider has it and will report.
        Sending = "sending",
        /// The provider reports that it takes longer.
        Pending = "pending",
        /// A provider has it and never reports.
        Sent = "sent",
        /// Not delivered, though the address may be good.
        TemporaryFailure = "temporary-failure",
        /// Delivered.
        Delivered = "delivered",
        /// Never deliverable.
        PermanentFailure = "permanent-failure",
        /// We could not send it.
        TechnicalFailure = "technical-failure",
        /// Withdrawn before it was sent.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// What moves a status.
    pub enum Event {
        /// A provider accepted it and will report.
        Accepted = "accepted",
        /// A provider accepted it and never reports.
        AcceptedWithoutReceipts = "accepted-without-receipts",
        /// We gave up: rejected, exhausted, not sendable.
        GaveUp = "gave-up",
        /// It was withdrawn.
        Cancelled = "cancelled",
        /// Its recipient is on the service's suppression list.
        Suppressed = "suppressed",
        /// Too much time has passed since it should have been sent.
        TimedOut = "timed-out",
        /// A receipt: delivered.
        Delivered = "delivered",
        /// A receipt: permanent failure.
        PermanentFailure = "permanent-failure",
        /// A receipt: temporary failure.
        TemporaryFailure = "temporary-failure",
        /// A receipt: delayed.
        Delayed = "delayed",
    }
}

impl Event {
    /// The event a receipt stands for; none for those that only go on the timeline. A complaint
    /// proves delivery.
    #[must_use]
    pub const fn of_receipt(kind: ReceiptKind) -> Self {
        match kind {
            ReceiptKind::Delivered | ReceiptKind::Complaint => Self::Delivered,
            ReceiptKind::PermanentFailure => Self::PermanentFailure,
            ReceiptKind::TemporaryFailure => Self::TemporaryFailure,
            ReceiptKind::Delayed => Self::Delayed,
        }
    }
}

impl Status {
    /// The status after an event; `None` when the event does not move it (it is still written on
    /// the timeline).
    #[must_use]
    pub const fn on(self, event: Event) -> Option<Self> {
        let target = match event {
            Event::Accepted => Self::Sending,
            Event::AcceptedWithoutReceipts => Self::Sent,
            Event::Delayed => Self::Pending,
            Event::TemporaryFailure => Self::TemporaryFailure,
            Event::Delivered => Self::Delivered,
            Event::PermanentFailure => Self::PermanentFailure,
            Event::GaveUp => return self.if_created(Self::TechnicalFailure),
            Event::Cancelled => return self.if_created(Self::Cancelled),
            Event::Suppressed => return self.if_created(Self::PermanentFailure),
            Event::TimedOut => {
                return match self {
                    Self::Created => Some(Self::TechnicalFailure),
                    Self::Sending | Self::Pending | Self::Sent => Some(Self::TemporaryFailure),
                    _ => None,
                };
            }
        };
        match (self.height(), target.height()) {
            (Some(now), Some(then)) if then > now => Some(target),
            _ => None,
        }
    }

    const fn if_created(self, target: Self) -> Option<Self> {
        match self {
            Self::Created => Some(target),
            _ => None,
        }
    }

    /// The statuses that an event moves: the guard of every SQL update.
    #[must_use]
    pub fn sources(event: Event) -> Vec<Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(|status| status.on(event).is_some())
            .collect()
    }

    /// The rank among what receipts may say; none for our own verdicts.
    const fn height(self) -> Option<u8> {
        match self {
            Self::Created => Some(0),
            Self::Sending => Some(1),
            Self::Pending => Some(2),
            Self::Sent => Some(3),
            Self::TemporaryFailure => Some(4),
            Self::Delivered => Some(5),
            Self::PermanentFailure => Some(6),
            Self::TechnicalFailure | Self::Cancelled => None,
        }
    }

    /// Nothing more is expected, though a late receipt may still correct it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered
                | Self::PermanentFailure
                | Self::TemporaryFailure
                | Self::TechnicalFailure
                | Self::Cancelled
        )
    }

    /// Whether `completed_at` is shown: final, or `sent`, after which nothing is heard.
    #[must_use]
    pub const fn is_completed(self) -> bool {
        self.is_final() || matches!(self, Self::Sent)
    }

    /// Every status that is completed.
    #[must_use]
    pub fn completed() -> Vec<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|status| status.is_completed()).collect()
    }

    /// Reads a status filter: `failed` stands for every failure (GOV.UK's API).
    #[must_use]
    pub fn of_filter(name: &str) -> Option<Vec<Self>> {
        match name {
            "failed" => Some(vec![
                Self::TechnicalFailure,
                Self::TemporaryFailure,
                Self::PermanentFailure,
            ]),
            other => other.parse().ok().map(|status| vec![status]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_event() -> impl Strategy<Value = Event> {
        proptest::sample::select(Event::ALL)
    }

    fn run(events: &[Event]) -> Status {
        events.iter().fold(Status::Created, |status, event| {
            status.on(*event).unwrap_or(status)
        })
    }

    proptest! {
        #[test]
        fn a_status_never_moves_down(events in proptest::collection::vec(any_event(), 0..12)) {
            let mut status = Status::Created;
            for event in events {
                if let Some(next) = status.on(event) {
                    prop_assert!(Status::sources(event).contains(&status));
                    prop_assert!(status.height().is_some());
                    if let (Some(a), Some(b)) = (status.height(), next.height()) {
                        prop_assert!(b > a);
                    }
                    status = next;
                }
            }
        }

        #[test]
        fn receipts_end_in_the_same_status_in_any_order(
            mut events in proptest::collection::vec(
                proptest::sample::select(&[
                    Event::Accepted, Event::Delayed, Event::TemporaryFailure,
                    Event::Delivered, Event::PermanentFailure,
                ][..]), 1..8),
            seed in any::<u64>(),
        ) {
            let once = run(&events);
            let highest = events.iter().filter_map(|event| Status::Created.on(*event)).max_by_key(|s| s.height());
            prop_assert_eq!(Some(once), highest);
            let len = events.len();
            events.rotate_left((seed as usize) % len);
            events.reverse();
            let doubled: Vec<_> = events.iter().chain(events.iter()).copied().collect();
            prop_assert_eq!(once, run(&events));
            prop_assert_eq!(once, run(&doubled));
        }
    }

    #[test]
    fn our_own_verdicts_are_never_moved() {
        for status in [Status::TechnicalFailure, Status::Cancelled] {
            for event in Event::ALL {
                assert_eq!(status.on(*event), None);
            }
        }
    }

    #[test]
    fn only_what_was_not_sent_yet_is_suppressed() {
        for status in Status::ALL {
            let after = status.on(Event::Suppressed);
            let created = *status == Status::Created;
            assert_eq!(after, created.then_some(Status::PermanentFailure));
        }
    }

    #[test]
    fn time_ends_what_is_open_and_a_late_receipt_still_counts_where_a_provider_had_it() {
        for status in Status::ALL {
            let after = match status {
                Status::Created => Some(Status::TechnicalFailure),
                Status::Sending | Status::Pending | Status::Sent => Some(Status::TemporaryFailure),
                _ => None,
            };
            assert_eq!(status.on(Event::TimedOut), after, "{status}");
        }
        assert_eq!(
            run(&[Event::Accepted, Event::TimedOut, Event::Delivered]),
            Status::Delivered
        );
    }

    #[test]
    fn a_hard_bounce_after_delivery_counts_and_a_late_delivery_does_not_hide_it() {
        assert_eq!(
            Status::Delivered.on(Event::PermanentFailure),
            Some(Status::PermanentFailure)
        );
        assert_eq!(Status::PermanentFailure.on(Event::Delivered), None);
    }
}
