//! The judge: pure, over what was seen from outside. It knows the promises and none of the code
//! that keeps them.

mod duplicates;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

pub use duplicates::{Duplicates, Explanation};
pub use tally::{Tallies, Tally};

use crate::history::{History, Intent, Outcome, Row};

/// Everything must be at rest within this time of the last fault.
pub const QUIET_WITHIN_S: f64 = 120.0;

/// A promise that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Invariant {
    /// What was answered with 2xx is there exactly once.
    I1,
    /// What was accepted comes to an end within two minutes of the last fault.
    I2,
    /// The provider takes a message once, and again only for a reason that is on its timeline.
    I3,
    /// A status never moves down.
    I5,
    /// Nothing of one service is seen by another.
    I6,
    /// Accepted is what ended and what is under way.
    I8,
    /// No secrets and no personal data in logs and metrics.
    I9,
    /// One message for each idempotency key, and one answer.
    Key,
    /// Each end is told to the service.
    Told,
}

/// Every promise, in the order of the report.
pub const INVARIANTS: [Invariant; 9] = [
    Invariant::I1,
    Invariant::I2,
    Invariant::I3,
    Invariant::I5,
    Invariant::I6,
    Invariant::I8,
    Invariant::I9,
    Invariant::Key,
    Invariant::Told,
];

impl Invariant {
    /// What it says.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::I1 => "every 2xx is there exactly once",
            Self::I2 => "every accepted message ends within 120 s of the last fault",
            Self::I3 => "provider calls beyond the first have a cause and are on the timeline",
            Self::I5 => "a status never moves down",
            Self::I6 => "nothing of one service is seen by another",
            Self::I8 => "accepted = ended + under way",
            Self::I9 => "no recipient, value or secret in logs and metrics",
            Self::Key => "one message and one answer for each idempotency key",
            Self::Told => "every end is told to its service, signed",
        }
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The promise.
    pub invariant: Invariant,
    /// Which message or file, and how.
    pub what: String,
}

/// The judgement.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The counts, by service and lane.
    pub tallies: Tallies,
    /// Provider calls beyond the first, by their explanation.
    pub duplicates: BTreeMap<Explanation, usize>,
    /// What was broken.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Judges a history.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let seen = Seen::of(history);
        let duplicates = Duplicates::of(history);
        let mut findings = Findings::default();
        present(&seen, &mut findings);
        keyed(history, &mut findings);
        ended(history, &mut findings);
        called(history, &duplicates, &mut findings);
        lattice(history, &mut findings);
        tenants_apart(history, &seen, &mut findings);
        ledger(history, &mut findings);
        for leak in &history.leaks {
            findings.add(Invariant::I9, format!("{} in {}", leak.what, leak.place));
        }
        told(history, &mut findings);
        let tallies = Tallies::of(&seen, &duplicates);
        let duplicates = duplicates.by_explanation();
        Self {
            tallies,
            duplicates,
            findings: findings.0,
        }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// How often a promise was broken.
    #[must_use]
    pub fn n_broken(&self, invariant: Invariant) -> usize {
        let of = self.findings.iter();
        of.filter(|finding| finding.invariant == invariant).count()
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, invariant: Invariant, what: impl Into<String>) {
        let what = what.into();
        self.0.push(Finding { invariant, what });
    }
}

/// Rows beside the intents that they come from.
struct Seen<'a> {
    history: &'a History,
    rows: HashMap<&'a str, Vec<&'a Row>>,
}

impl<'a> Seen<'a> {
    fn of(history: &'a History) -> Self {
        let mut rows: HashMap<&str, Vec<&Row>> = HashMap::new();
        for row in &history.rows {
            rows.entry(&row.reference).or_default().push(row);
        }
        Self { history, rows }
    }

    fn rows_of(&self, reference: &str) -> &[&'a Row] {
        self.rows.get(reference).map_or(&[], Vec::as_slice)
    }
}

/// I1.
fn present(seen: &Seen<'_>, findings: &mut Findings) {
    for (reference, intent) in &seen.history.intents {
        let rows = seen.rows_of(reference);
        let n = rows.len();
        if n > 1 {
            findings.add(Invariant::I1, format!("{reference} is there {n} times"));
        }
        if intent.is_accepted() && n == 0 {
            findings.add(
                Invariant::I1,
                format!("{reference} was accepted and is lost"),
            );
        }
        if n > 0 && !intent.is_accepted() && !intent.is_unknown() {
            findings.add(
                Invariant::I1,
                format!(
                    "{reference} is there although it was refused: {:?}",
                    intent.outcomes
                ),
            );
        }
        for id in accepted_ids(intent) {
            if n == 1 && rows[0].id != id {
                findings.add(
                    Invariant::I1,
                    format!("{reference} was accepted as {id} and is {}", rows[0].id),
                );
            }
        }
    }
    for row in &seen.history.rows {
        if !seen.history.intents.contains_key(&row.reference) {
            findings.add(Invariant::I1, format!("{} was never sent", row.id));
        }
    }
    for id in &seen.history.unreadable {
        findings.add(Invariant::I1, format!("GET of {id} does not show it"));
    }
}

fn accepted_ids(intent: &Intent) -> impl Iterator<Item = &str> {
    intent.outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Accepted { id, .. } => id.as_deref(),
        _ => None,
    })
}

/// One answer for each key; [`present`] sees to it that there is one message.
fn keyed(history: &History, findings: &mut Findings) {
    for (reference, intent) in history.intents.iter().filter(|(_, i)| i.is_keyed) {
        let bodies: BTreeSet<&str> = intent
            .outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Accepted { body, .. } => Some(body.as_str()),
                _ => None,
            })
            .collect();
        if bodies.len() > 1 {
            findings.add(
                Invariant::Key,
                format!(
                    "{reference} was answered in {} ways: {bodies:?}",
                    bodies.len()
                ),
            );
        }
    }
}

/// I2.
fn ended(history: &History, findings: &mut Findings) {
    match history.quiet_after_s {
        Some(seconds) if seconds <= QUIET_WITHIN_S => {}
        Some(seconds) => findings.add(Invariant::I2, format!("at rest only after {seconds:.0} s")),
        None => findings.add(Invariant::I2, "never at rest"),
    }
    for row in history.rows.iter().filter(|row| !is_end(&row.status)) {
        findings.add(Invariant::I2, format!("{} is still {}", row.id, row.status));
    }
}

/// I3.
fn called(history: &History, duplicates: &Duplicates, findings: &mut Findings) {
    for (id, why) in duplicates.unexplained() {
        findings.add(Invariant::I3, format!("{id} was sent again: {why}"));
    }
    let known: BTreeSet<&str> = history.rows.iter().map(|row| row.id.as_str()).collect();
    let strangers: BTreeSet<&str> = history.calls.iter().map(|call| call.id.as_str()).collect();
    for id in strangers.difference(&known) {
        findings.add(Invariant::I3, format!("{id} was sent and is not there"));
    }
}

/// The rank of a status; none for those that nothing follows and that follow nothing but `created`.
fn height(status: &str) -> Option<u8> {
    match status {
        "created" => Some(0),
        "sending" => Some(1),
        "pending" => Some(2),
        "sent" => Some(3),
        "temporary-failure" => Some(4),
        "delivered" => Some(5),
        "permanent-failure" => Some(6),
        _ => None,
    }
}

/// Whether one status may come at some time after another.
fn may_follow(before: &str, after: &str) -> bool {
    match (height(before), height(after)) {
        (Some(before), Some(after)) => after >= before,
        // What was withdrawn or given up had not been sent.
        (Some(before), None) => before == 0,
        (None, _) => before == after,
    }
}

fn is_end(status: &str) -> bool {
    matches!(
        status,
        "sent"
            | "delivered"
            | "permanent-failure"
            | "temporary-failure"
            | "technical-failure"
            | "cancelled"
    )
}

/// I5.
fn lattice(history: &History, findings: &mut Findings) {
    let ends: HashMap<&str, &str> = history
        .rows
        .iter()
        .map(|row| (row.id.as_str(), row.status.as_str()))
        .collect();
    for (id, statuses) in &history.observed {
        let end = ends.get(id.as_str()).copied();
        let all: Vec<&str> = statuses.iter().map(String::as_str).chain(end).collect();
        for pair in all.windows(2) {
            if !may_follow(pair[0], pair[1]) {
                let what = format!("{id} was {} and then {}", pair[0], pair[1]);
                findings.add(Invariant::I5, what);
            }
        }
    }
    for told in &history.told {
        match ends.get(told.id.as_str()) {
            Some(end) if !may_follow(&told.status, end) => {
                let what = format!("{} was told as {} and is {end}", told.id, told.status);
                findings.add(Invariant::I5, what);
            }
            _ => {}
        }
    }
}

/// I6.
fn tenants_apart(history: &History, seen: &Seen<'_>, findings: &mut Findings) {
    let owners: HashMap<&str, usize> = history
        .rows
        .iter()
        .map(|row| (row.id.as_str(), row.tenant))
        .collect();
    let mut foreign = |owner: usize, text: &str, place: String| {
        for (n, tenant) in history.tenants.iter().enumerate() {
            if n != owner && text.contains(&tenant.marker) {
                let what = format!("bytes of {} in {place}", tenant.name);
                findings.add(Invariant::I6, what);
            }
        }
    };
    for row in &history.rows {
        foreign(row.tenant, &row.text, format!("message {}", row.id));
    }
    for (reference, intent) in &history.intents {
        for outcome in &intent.outcomes {
            if let Outcome::Accepted { body, .. } | Outcome::Refused { body, .. } = outcome {
                foreign(intent.tenant, body, format!("an answer to {reference}"));
            }
        }
    }
    for told in &history.told {
        let owner = history.tenants.iter().position(|t| t.path == told.path);
        if let Some(owner) = owner {
            foreign(owner, &told.text, format!("a call to {}", told.path));
        }
    }
    for (id, timeline) in &history.timelines {
        if let Some(owner) = owners.get(id.as_str()) {
            foreign(*owner, &timeline.text, format!("the timeline of {id}"));
        }
    }
    for call in &history.calls {
        if let Some(owner) = owners.get(call.id.as_str()) {
            foreign(
                *owner,
                &call.text,
                format!("what the provider got of {}", call.id),
            );
        }
    }
    for (reference, rows) in &seen.rows {
        let Some(intent) = history.intents.get(*reference) else {
            continue;
        };
        for row in rows.iter().filter(|row| row.tenant != intent.tenant) {
            let reader = &history.tenants[row.tenant].name;
            findings.add(Invariant::I6, format!("{reader} reads {}", row.id));
        }
    }
    for told in &history.told {
        let owner = owners.get(told.id.as_str()).map(|n| &history.tenants[*n]);
        if let Some(owner) = owner.filter(|owner| owner.path != told.path) {
            let what = format!("{} of {} was told to {}", told.id, owner.name, told.path);
            findings.add(Invariant::I6, what);
        }
    }
    for id in &history.readable_by_others {
        findings.add(Invariant::I6, format!("another service reads {id}"));
    }
}

/// I8, by what the API lists, and by each reading of the product's own ledger.
fn ledger(history: &History, findings: &mut Findings) {
    let n_rows = history.rows.len() as u64;
    let n_accepted = history.intents.values().filter(|i| i.is_accepted()).count() as u64;
    let n_unknown = history.intents.values().filter(|i| i.is_unknown()).count() as u64;
    if !(n_accepted..=n_accepted + n_unknown).contains(&n_rows) {
        findings.add(
            Invariant::I8,
            format!("{n_accepted} accepted, {n_unknown} unknown, {n_rows} there"),
        );
    }
    for ledger in &history.ledger {
        let there = ledger.in_inbox + ledger.saved + ledger.quarantined;
        let is_good = ledger.adds_up
            && ledger.missing + ledger.adrift == 0
            && ledger.accepted + ledger.uncounted == there
            && ledger.saved == ledger.terminal + ledger.in_flight
            && ledger.saved <= n_rows;
        if !is_good {
            findings.add(
                Invariant::I8,
                format!("{n_rows} are there, and the ledger says {ledger:?}"),
            );
        }
    }
}

/// The last word of each message was told, and whatever was told was signed.
fn told(history: &History, findings: &mut Findings) {
    let heard: BTreeSet<(&str, &str)> = history
        .told
        .iter()
        .filter(|told| (200..300).contains(&told.answered))
        .map(|told| (told.id.as_str(), told.status.as_str()))
        .collect();
    for row in history.rows.iter().filter(|row| is_end(&row.status)) {
        if !heard.contains(&(row.id.as_str(), row.status.as_str())) {
            let what = format!("{} is {} and nobody was told", row.id, row.status);
            findings.add(Invariant::Told, what);
        }
    }
    for told in history.told.iter().filter(|told| !told.is_verified) {
        findings.add(
            Invariant::Told,
            format!("call {} of {} does not verify", told.webhook_id, told.id),
        );
    }
}

/// Messages whose timelines the checker needs: those that the provider took more than once.
#[must_use]
pub fn sent_again(history: &History) -> BTreeSet<String> {
    let mut n_accepted: HashMap<&str, usize> = HashMap::new();
    for call in history.calls.iter().filter(|call| call.is_accepted) {
        *n_accepted.entry(&call.id).or_default() += 1;
    }
    let again = n_accepted.into_iter().filter(|(_, n)| *n > 1);
    again.map(|(id, _)| id.to_owned()).collect()
}

/// Messages that were accepted, of which the rows do not show anything, or whose end has not come.
#[must_use]
pub fn not_ended(history: &History) -> usize {
    let seen = Seen::of(history);
    let missing = history
        .intents
        .iter()
        .filter(|(reference, intent)| intent.is_accepted() && seen.rows_of(reference).is_empty());
    let open = history.rows.iter().filter(|row| !is_end(&row.status));
    missing.count() + open.count()
}

/// Ends that nobody was told of yet.
#[must_use]
pub fn not_told(history: &History) -> usize {
    let mut findings = Findings::default();
    told(history, &mut findings);
    findings.0.len()
}
