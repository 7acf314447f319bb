//! The counts of a run, by service and lane.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;

use super::{Duplicates, Seen};
use crate::history::Lane;

/// What became of the messages of one lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Meant to be sent.
    pub attempted: usize,
    /// Answered with 2xx.
    pub accepted: usize,
    /// Of the others, those whose outcome the client does not know …
    pub unknown: usize,
    /// … and those of them that are there all the same.
    pub unknown_there: usize,
    /// Those that certainly were not accepted: refused, or nobody took them for a minute.
    pub refused: usize,
    /// Of all that are there, those delivered.
    pub delivered: usize,
    /// Of all that are there, those that ended otherwise.
    pub ended_otherwise: usize,
    /// Accepted and not there.
    pub lost: usize,
    /// Calls beyond the first that the provider took, explained by what was done.
    pub duplicated_explained: usize,
    /// And those that are not.
    pub duplicated_unexplained: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.attempted += other.attempted;
        self.accepted += other.accepted;
        self.unknown += other.unknown;
        self.unknown_there += other.unknown_there;
        self.refused += other.refused;
        self.delivered += other.delivered;
        self.ended_otherwise += other.ended_otherwise;
        self.lost += other.lost;
        self.duplicated_explained += other.duplicated_explained;
        self.duplicated_unexplained += other.duplicated_unexplained;
    }
}

/// The counts of one service's lane.
#[derive(Debug, Clone, Serialize)]
pub struct LaneTally {
    /// The service.
    pub tenant: String,
    /// The lane.
    pub lane: Lane,
    /// The counts.
    #[serde(flatten)]
    pub tally: Tally,
}

/// All counts.
#[derive(Debug, Clone, Serialize)]
pub struct Tallies {
    /// By service and lane.
    pub lanes: Vec<LaneTally>,
    /// Of all of them.
    pub total: Tally,
}

impl Tallies {
    pub(super) fn of(seen: &Seen<'_>, duplicates: &Duplicates) -> Self {
        let mut by_lane: BTreeMap<(usize, Lane), Tally> = BTreeMap::new();
        for (reference, intent) in &seen.history.intents {
            let tally = by_lane.entry((intent.tenant, intent.lane)).or_default();
            let rows = seen.rows_of(reference);
            tally.attempted += 1;
            tally.accepted += usize::from(intent.is_accepted());
            tally.unknown += usize::from(intent.is_unknown());
            tally.unknown_there += usize::from(intent.is_unknown() && !rows.is_empty());
            tally.refused += usize::from(!intent.is_accepted() && !intent.is_unknown());
            tally.lost += usize::from(intent.is_accepted() && rows.is_empty());
            for row in rows {
                let is_delivered = row.status == "delivered";
                tally.delivered += usize::from(is_delivered);
                tally.ended_otherwise += usize::from(!is_delivered && super::is_end(&row.status));
                let (n_explained, n_unexplained) = duplicates.count(&row.id);
                tally.duplicated_explained += n_explained;
                tally.duplicated_unexplained += n_unexplained;
            }
        }
        let mut total = Tally::default();
        by_lane.values().for_each(|tally| total += *tally);
        let lanes = by_lane
            .into_iter()
            .map(|((tenant, lane), tally)| LaneTally {
                tenant: seen.history.tenants[tenant].name.clone(),
                lane,
                tally,
            });
        Self {
            lanes: lanes.collect(),
            total,
        }
    }
}
