//! Receipts: what is owed to the API, and sending it until the API confirms.

mod backoff;
mod delivery;
mod gate;
mod post;

use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use carillon_core::receipt::Receipt;
use carillon_core::trace::TraceContext;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use crate::script::{Script, Step};

pub use delivery::deliver;
pub use post::Callback;

/// A receipt that the API has not confirmed: the next of an accepted call's script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The message.
    pub id: NotificationId,
    /// The accepted call.
    pub reference: Uuid,
    /// The message's channel.
    pub channel: Channel,
    /// What the recipient asked for.
    pub script: Script,
    /// The position in the script's steps.
    pub next: u8,
}

/// A receipt with its time.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// Not to be sent before.
    pub at: Instant,
    /// What the receipt gives as the time of the event; the same in every try.
    pub event_at: DateTime<Utc>,
    /// The receipt.
    pub pending: Pending,
    /// Tries so far.
    pub n_tries: u32,
    /// The call's `traceparent`, which its first receipt brings back.
    pub trace: Option<TraceContext>,
}

impl Pending {
    /// What the receipt says and how long it waits; none when all were sent.
    #[must_use]
    pub fn step(&self) -> Option<&'static Step> {
        self.script.steps().get(usize::from(self.next))
    }

    /// How many receipts of the call are still to be confirmed.
    #[must_use]
    pub fn n_left(&self) -> u64 {
        self.script
            .steps()
            .iter()
            .skip(usize::from(self.next))
            .count() as u64
    }

    /// The event's id: one for each call and kind, so a repeated report is recognised.
    #[must_use]
    pub fn event_id(&self) -> String {
        let kind = self.step().map_or("none", |step| step.kind.as_str());
        format!("{}:{kind}", self.reference)
    }

    /// The call an event's id belongs to.
    pub(crate) fn reference_of(event_id: &str) -> Option<Uuid> {
        event_id.split_once(':')?.0.parse().ok()
    }

    /// The report; none when all were sent.
    #[must_use]
    pub fn receipt(&self, at: DateTime<Utc>) -> Option<Receipt> {
        Some(Receipt {
            notification_id: Some(self.id),
            event_id: self.event_id(),
            provider: carillon_providers::sandbox::NAME.to_owned(),
            reference: self.reference.to_string(),
            kind: self.step()?.kind,
            at,
            detail: None,
            subtype: None,
        })
    }
}
