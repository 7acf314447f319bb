//! The life of a job: many notifications of one request.
//!
//! A job's progress is its chunks, so that whoever takes one over needs to know nothing else. Its
//! status says what may be done with the chunks that are left, and with rows that were saved and
//! not sent yet.

use crate::lane::Lane;

text_enum! {
    /// Where a job stands; the words clients read (GC Notify's, and `paused`).
    pub enum JobStatus {
        /// Waits for its time.
        Scheduled = "scheduled",
        /// Accepted; nobody has started it.
        Pending = "pending",
        /// Its rows are being saved.
        InProgress = "in progress",
        /// All its rows are saved; they are sent as any message is.
        Finished = "finished",
        /// Stopped by somebody who may let it go on.
        Paused = "paused",
        /// Withdrawn: what was not sent yet never will be.
        Cancelled = "cancelled",
        /// Its rows would exceed what the service may send.
        LimitsExceeded = "sending limits exceeded",
        /// It cannot go on by itself; the reason says why.
        Error = "error",
    }
}

text_enum! {
    /// What moves a job.
    pub enum JobEvent {
        /// Its time has come.
        Due = "due",
        /// A worker has taken its first chunk.
        Started = "started",
        /// No chunk is left to save.
        RowsSaved = "rows-saved",
        /// Rows of a finished job are found not to be there.
        RowsMissing = "rows-missing",
        /// Somebody stops it for a while.
        Paused = "paused",
        /// Somebody lets it go on.
        Resumed = "resumed",
        /// Somebody withdraws it, or its service may not send any more.
        Cancelled = "cancelled",
        /// The service's limit does not admit it.
        LimitsExceeded = "limits-exceeded",
        /// A chunk can never be saved.
        Failed = "failed",
    }
}

text_enum! {
    /// What is still to be done to rows that were saved before their job was stopped or let go on.
    pub enum RowChange {
        /// What is not sent yet is cancelled.
        Cancel = "cancel",
        /// What is not sent yet waits until the job goes on.
        Hold = "hold",
        /// What waited for the job goes on its way.
        Release = "release",
    }
}

text_enum! {
    /// Why a job is where it is, if it did not come there by itself.
    pub enum JobReason {
        /// A person or program asked for it.
        Requested = "requested",
        /// Its service was suspended before it began.
        ServiceInactive = "service-inactive",
        /// It was paused for as long as its service keeps jobs.
        Expired = "expired",
        /// What it was to send is not where it was stored.
        PayloadMissing = "payload-missing",
        /// What it was to send is damaged.
        PayloadUnreadable = "payload-unreadable",
        /// A chunk was tried so often by workers that then vanished that it must be what crashes them.
        CrashesWorkers = "crashes-workers",
        /// PostgreSQL refuses one of its rows.
        RefusedByDatabase = "refused-by-database",
    }
}

impl JobStatus {
    /// The status after an event; `None` when it does not go with the status.
    #[must_use]
    pub const fn on(self, event: JobEvent) -> Option<Self> {
        use JobStatus::{
            Cancelled, Error, Finished, InProgress, LimitsExceeded, Paused, Pending, Scheduled,
        };
        match (event, self) {
            (JobEvent::Due, Scheduled) => Some(Pending),
            (JobEvent::Started, Pending)
            | (JobEvent::RowsMissing, Finished)
            // If nothing is left to save it finishes at once.
            | (JobEvent::Resumed, Paused | Error | LimitsExceeded) => Some(InProgress),
            (JobEvent::RowsSaved, InProgress) => Some(Finished),
            // Of a finished job, rows may not be sent yet.
            (JobEvent::Paused, Pending | InProgress | Finished) => Some(Paused),
            (
                JobEvent::Cancelled,
                Scheduled | Pending | InProgress | Finished | Paused | LimitsExceeded | Error,
            ) => Some(Cancelled),
            (JobEvent::LimitsExceeded, Pending | InProgress) => Some(LimitsExceeded),
            (JobEvent::Failed, Pending | InProgress) => Some(Error),
            _ => None,
        }
    }

    /// The statuses that an event moves: the guard of every SQL update.
    #[must_use]
    pub fn sources(event: JobEvent) -> Vec<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|status| status.on(event).is_some()).collect()
    }

    /// Nothing more is done to it unless somebody asks for it.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Finished | Self::Cancelled | Self::LimitsExceeded | Self::Error
        )
    }

    /// Every status that is settled.
    #[must_use]
    pub fn settled() -> Vec<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|status| status.is_settled()).collect()
    }
}

impl RowChange {
    /// What an event means for the rows that were saved before it; none if nothing.
    #[must_use]
    pub const fn of(event: JobEvent) -> Option<Self> {
        match event {
            JobEvent::Cancelled => Some(Self::Cancel),
            JobEvent::Paused => Some(Self::Hold),
            JobEvent::Resumed => Some(Self::Release),
            _ => None,
        }
    }
}

/// From this many rows on a job travels the bulk lane, whatever its template's (GC Notify's
/// threshold).
pub const BULK_FROM_ROWS: usize = 200;

/// The lane of a job's rows. A short job of a bulk template is promoted: it delays nobody.
#[must_use]
pub const fn lane(template: Lane, n_rows: usize) -> Lane {
    match template {
        _ if n_rows >= BULK_FROM_ROWS => Lane::Bulk,
        Lane::Bulk => Lane::Normal,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cancelled_job_stays_cancelled_whatever_comes(
            events in proptest::collection::vec(proptest::sample::select(JobEvent::ALL), 0..20),
        ) {
            let mut status = JobStatus::Scheduled;
            let mut was_cancelled = false;
            for event in events {
                if let Some(next) = status.on(event) {
                    prop_assert!(JobStatus::sources(event).contains(&status));
                    prop_assert!(!was_cancelled);
                    status = next;
                    was_cancelled = next == JobStatus::Cancelled;
                }
            }
        }

        #[test]
        fn a_job_that_is_let_be_finishes(
            events in proptest::collection::vec(proptest::sample::select(JobEvent::ALL), 0..20),
        ) {
            let reached = events.iter().fold(JobStatus::Scheduled, |status, event| {
                status.on(*event).unwrap_or(status)
            });
            prop_assume!(reached != JobStatus::Cancelled);
            let rest = [JobEvent::Due, JobEvent::Resumed, JobEvent::Started, JobEvent::RowsSaved];
            let ends = rest.iter().fold(reached, |status, event| status.on(*event).unwrap_or(status));
            prop_assert_eq!(ends, JobStatus::Finished);
        }
    }

    #[test]
    fn a_long_job_travels_the_bulk_lane_and_a_short_one_is_never_there() {
        for template in Lane::ALL {
            assert_eq!(lane(*template, 200), Lane::Bulk);
            assert_ne!(lane(*template, 199), Lane::Bulk);
        }
        assert_eq!(lane(Lane::Priority, 1), Lane::Priority);
    }

    #[test]
    fn what_stops_a_job_says_what_becomes_of_its_saved_rows() {
        assert_eq!(RowChange::of(JobEvent::Paused), Some(RowChange::Hold));
        assert_eq!(RowChange::of(JobEvent::Cancelled), Some(RowChange::Cancel));
        assert_eq!(RowChange::of(JobEvent::Resumed), Some(RowChange::Release));
        assert_eq!(RowChange::of(JobEvent::RowsSaved), None);
    }
}
