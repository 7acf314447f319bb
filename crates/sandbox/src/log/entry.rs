//! The kinds of line in the log.

use std::borrow::Cow;

use carillon_core::id::NotificationId;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::receipts::Pending;

/// One line, as JSON with its `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Entry<'a> {
    /// A call that was made.
    Call(Cow<'a, Call>),
    /// A receipt that the API confirmed.
    Receipted {
        /// The message.
        id: NotificationId,
        /// The receipt.
        event_id: String,
    },
    /// A receipt that the API refused for good.
    Dropped {
        /// The message.
        id: NotificationId,
        /// The receipt.
        event_id: String,
    },
    /// A receipt still owed when the log was emptied.
    Pending(Pending),
}

impl Entry<'_> {
    /// Appends the line and its end.
    pub(super) fn write_line(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        if serde_json::to_writer(&mut *bytes, self).is_err() {
            // Cannot happen: every field has a JSON form and memory takes every write. Should it
            // nevertheless, half a line must not stay.
            bytes.truncate(start);
            return;
        }
        bytes.push(b'\n');
    }
}
