//! What the sandbox remembers; no I/O, no clock.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use carillon_core::id::NotificationId;
use serde::Serialize;
use uuid::Uuid;

use crate::call::{Call, CallOutcome};
use crate::receipts::Pending;
use crate::script::Script;

/// How many accepted messages, and how many other calls, are kept with their texts. Counts are
/// kept for all.
pub const KEPT: usize = 200_000;

/// Calls, counts and the receipts still owed.
#[derive(Default)]
pub struct Memory {
    accepted: VecDeque<Arc<Call>>,
    others: VecDeque<Arc<Call>>,
    /// Times each message was accepted; 255 is "at least".
    times_accepted: HashMap<u128, u8>,
    /// Times each message of a script that refuses some calls was refused.
    times_refused: HashMap<u128, u8>,
    owed: HashMap<Uuid, Pending>,
    counts: Counts,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    calls: u64,
    accepted: u64,
    duplicates: u64,
    receipts_pending: u64,
    receipts_sent: u64,
}

/// The answer of `GET /stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Calls of any outcome.
    pub calls: u64,
    /// Accepted calls.
    pub accepted: u64,
    /// Distinct messages accepted.
    pub distinct_ids: u64,
    /// Messages accepted more than once.
    pub duplicates: u64,
    /// Receipts the API has not confirmed yet, later ones of a script included.
    pub receipts_pending: u64,
    /// Receipts the API has confirmed.
    pub receipts_sent: u64,
}

impl Memory {
    /// Remembers a call. An accepted one that is no trial is owed receipts: its first is returned.
    pub fn record(&mut self, call: impl Into<Arc<Call>>) -> Option<Pending> {
        let call = call.into();
        let (key, script) = (call.id.0.as_u128(), Script::of(&call.recipient));
        self.counts.calls += 1;
        if call.outcome != CallOutcome::Accepted {
            if matches!(script, Script::Throttle | Script::Fail) {
                let refused = self.times_refused.entry(key).or_default();
                *refused = refused.saturating_add(1);
            }
            keep(&mut self.others, call);
            return None;
        }
        self.counts.accepted += 1;
        let times = self.times_accepted.entry(key).or_default();
        *times = times.saturating_add(1);
        self.counts.duplicates += u64::from(*times == 2);
        let reference = call.reference.filter(|_| !call.trial);
        let pending = reference.map(|reference| Pending {
            id: call.id,
            reference,
            channel: call.channel,
            script,
            next: 0,
        });
        keep(&mut self.accepted, call);
        let pending = pending.filter(|pending| pending.step().is_some())?;
        self.owe(pending);
        Some(pending)
    }

    /// Adds a receipt that is owed.
    pub fn owe(&mut self, pending: Pending) {
        self.counts.receipts_pending += pending.n_left();
        self.owed.insert(pending.reference, pending);
    }

    /// Strikes out a receipt that was confirmed, or refused for good; the script's next is
    /// returned. One that is not owed, because it was struck out before, changes nothing.
    pub fn settle(&mut self, settled: Pending, confirmed: bool) -> Option<Pending> {
        let owed = self
            .owed
            .get_mut(&settled.reference)
            .filter(|owed| **owed == settled)?;
        self.counts.receipts_sent += u64::from(confirmed);
        self.counts.receipts_pending -= 1;
        owed.next += 1;
        if owed.step().is_some() {
            return Some(*owed);
        }
        self.owed.remove(&settled.reference);
        None
    }

    /// [`settle`](Self::settle) by the event's id.
    pub(crate) fn settle_event(&mut self, event_id: &str, confirmed: bool) {
        let pending = Pending::reference_of(event_id).and_then(|r| self.owed.get(&r).copied());
        if let Some(pending) = pending.filter(|pending| pending.event_id() == event_id) {
            self.settle(pending, confirmed);
        }
    }

    /// Forgets everything but the receipts owed, which are returned.
    pub fn empty(&mut self) -> Vec<Pending> {
        let owed = std::mem::take(&mut self.owed);
        let all = owed.values().copied().collect();
        let receipts_pending = self.counts.receipts_pending;
        let counts = Counts {
            receipts_pending,
            ..Counts::default()
        };
        *self = Self {
            owed,
            counts,
            ..Self::default()
        };
        all
    }

    /// The receipts owed, in no order.
    pub fn owed(&self) -> impl Iterator<Item = Pending> {
        self.owed.values().copied()
    }

    /// Whether the message was accepted before.
    #[must_use]
    pub fn has_accepted(&self, id: NotificationId) -> bool {
        self.times_accepted.contains_key(&id.0.as_u128())
    }

    /// How often a message whose script refuses some calls was refused.
    #[must_use]
    pub fn times_refused(&self, id: NotificationId) -> u8 {
        self.times_refused
            .get(&id.0.as_u128())
            .copied()
            .unwrap_or(0)
    }

    /// Accepted messages that pass, newest first.
    pub fn messages(&self, limit: usize, passes: impl Fn(&Call) -> bool) -> Vec<Arc<Call>> {
        self.accepted
            .iter()
            .rev()
            .filter(|call| passes(call))
            .take(limit)
            .cloned()
            .collect()
    }

    /// Every call that passes, oldest first.
    pub fn calls(&self, passes: impl Fn(&Call) -> bool) -> Vec<Arc<Call>> {
        let all = self.accepted.iter().chain(&self.others);
        let mut calls: Vec<_> = all.filter(|call| passes(call)).cloned().collect();
        calls.sort_by_key(|call| call.at);
        calls
    }

    /// The counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Counts {
            calls,
            accepted,
            duplicates,
            receipts_pending,
            receipts_sent,
        } = self.counts;
        Stats {
            calls,
            accepted,
            distinct_ids: self.times_accepted.len() as u64,
            duplicates,
            receipts_pending,
            receipts_sent,
        }
    }
}

fn keep(calls: &mut VecDeque<Arc<Call>>, call: Arc<Call>) {
    if calls.len() == KEPT {
        calls.pop_front();
    }
    calls.push_back(call);
}
