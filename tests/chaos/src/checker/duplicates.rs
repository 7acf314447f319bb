//! Messages that the provider took more than once, and why.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::history::{Call, History};

/// Why a message was sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Explanation {
    /// The provider took it and its answer was cut off.
    AnswerLost,
    /// A worker died between the call and the writing of its result.
    WorkerDied,
    /// PostgreSQL was away when the result was to be written.
    DatabaseAway,
    /// Nothing that was done to the system explains it.
    NoCause,
    /// It has a cause, and the timeline does not say so.
    NotLabelled,
}

impl Explanation {
    /// In words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::AnswerLost => "the provider's answer was cut off",
            Self::WorkerDied => "a worker died before the result was written",
            Self::DatabaseAway => "PostgreSQL was away when the result was to be written",
            Self::NoCause => "UNEXPLAINED: nothing was done that explains it",
            Self::NotLabelled => "UNEXPLAINED: the timeline says nothing of it",
        }
    }

    /// Whether it is one.
    #[must_use]
    pub const fn is_good(self) -> bool {
        !matches!(self, Self::NoCause | Self::NotLabelled)
    }
}

/// Reasons by which a timeline owns up to a call beyond the first.
const LABELS: [&str; 3] = ["answer-lost", "lease-expired", "stale-result"];

/// Results are written together, so a call may be older than the death of its worker by this much
/// and not be on record, beside its lease.
const MARGIN_S: f64 = 3.0;

/// Every call beyond the first that the provider took, by message.
#[derive(Debug, Default)]
pub struct Duplicates(BTreeMap<String, Vec<Explanation>>);

impl Duplicates {
    pub(super) fn of(history: &History) -> Self {
        let mut calls: HashMap<&str, Vec<&Call>> = HashMap::new();
        for call in history.calls.iter().filter(|call| call.is_accepted) {
            calls.entry(&call.id).or_default().push(call);
        }
        let again = calls.into_iter().filter(|(_, calls)| calls.len() > 1);
        let explained = again.map(|(id, mut calls)| {
            calls.sort_by(|a, b| a.at.total_cmp(&b.at));
            (id.to_owned(), explanations(history, id, &calls))
        });
        Self(explained.collect())
    }

    /// Explained and unexplained calls beyond the first of a message.
    pub(super) fn count(&self, id: &str) -> (usize, usize) {
        let explanations = self.0.get(id).map_or(&[][..], Vec::as_slice);
        let n_good = explanations.iter().filter(|e| e.is_good()).count();
        (n_good, explanations.len() - n_good)
    }

    pub(super) fn unexplained(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.0.iter().flat_map(|(id, explanations)| {
            let bad = explanations.iter().filter(|e| !e.is_good());
            bad.map(|explanation| (id.as_str(), explanation.says()))
        })
    }

    pub(super) fn by_explanation(&self) -> BTreeMap<Explanation, usize> {
        let mut counts = BTreeMap::new();
        for explanation in self.0.values().flatten() {
            *counts.entry(*explanation).or_default() += 1;
        }
        counts
    }
}

/// One explanation for each call beyond the first. Each needs a cause that lies between the call
/// before it and itself, and a label of its own.
fn explanations(history: &History, id: &str, calls: &[&Call]) -> Vec<Explanation> {
    let timeline = history.timelines.get(id);
    let mut n_labels = timeline.map_or(0, |timeline| {
        let reasons = timeline.reasons.iter();
        reasons
            .filter(|reason| LABELS.contains(&reason.as_str()))
            .count()
    });
    let pairs = calls.windows(2);
    pairs
        .map(|pair| match cause(history, pair[0], pair[1]) {
            None => Explanation::NoCause,
            Some(_) if n_labels == 0 => Explanation::NotLabelled,
            Some(cause) => {
                n_labels -= 1;
                cause
            }
        })
        .collect()
}

fn cause(history: &History, before: &Call, again: &Call) -> Option<Explanation> {
    if before.fault.as_deref() == Some("reset-after-accept") {
        return Some(Explanation::AnswerLost);
    }
    // The result of a call is written, or its lease runs out, by then.
    let from = before.at - MARGIN_S;
    let to = (before.at + history.lease_s + MARGIN_S).min(again.at);
    let mut deaths = history.deaths.iter();
    if deaths.any(|death| death.binary == "carillon-worker" && (from..=to).contains(&death.at)) {
        return Some(Explanation::WorkerDied);
    }
    let mut outages = history.outages.iter();
    outages
        .any(|outage| outage.server == "PostgreSQL" && outage.from <= to && outage.to >= from)
        .then_some(Explanation::DatabaseAway)
}
