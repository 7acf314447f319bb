//! The ledger as it is read: lines, their sum, and whether they add up.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Entry;
use crate::id::ServiceId;
use crate::lane::Lane;

/// What was accepted of one service in one lane, or of all of them, and where it is.
///
/// `accepted + uncounted = in_inbox + saved + quarantined + missing`, and what is saved is waiting,
/// on its way, with a provider, terminal or adrift.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The tenant; none in a sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<ServiceId>,
    /// The lane; none in a sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// See [`Entry::Accepted`].
    pub accepted: i64,
    /// See [`Entry::Uncounted`].
    pub uncounted: i64,
    /// See [`Entry::InInbox`].
    pub in_inbox: i64,
    /// Rows.
    pub saved: i64,
    /// See [`Entry::Quarantined`].
    pub quarantined: i64,
    /// See [`Entry::Waiting`]; by reason.
    pub waiting: BTreeMap<String, i64>,
    /// See [`Entry::OnItsWay`].
    pub on_its_way: i64,
    /// See [`Entry::WithProvider`].
    pub with_provider: i64,
    /// See [`Entry::Terminal`]; by status.
    pub terminal: BTreeMap<String, i64>,
    /// See [`Entry::Missing`].
    pub missing: i64,
    /// See [`Entry::Adrift`].
    pub adrift: i64,
    /// Whether every accepted message is somewhere from where it goes on.
    pub adds_up: bool,
}

impl Line {
    /// A line without any number.
    #[must_use]
    pub fn of(service_id: ServiceId, lane: Lane) -> Self {
        Self {
            service_id: Some(service_id),
            lane: Some(lane),
            adds_up: true,
            ..Self::default()
        }
    }

    /// Adds a number to the line.
    pub fn add(&mut self, entry: Entry, detail: &str, n: i64) {
        match entry {
            Entry::Accepted => self.accepted += n,
            Entry::Uncounted => self.uncounted += n,
            Entry::InInbox => self.in_inbox += n,
            Entry::Quarantined => self.quarantined += n,
            Entry::Waiting => *self.waiting.entry(detail.to_owned()).or_default() += n,
            Entry::OnItsWay => self.on_its_way += n,
            Entry::WithProvider => self.with_provider += n,
            Entry::Terminal => *self.terminal.entry(detail.to_owned()).or_default() += n,
            Entry::Missing => self.missing += n,
            Entry::Adrift => self.adrift += n,
        }
        if matches!(
            entry,
            Entry::Waiting
                | Entry::OnItsWay
                | Entry::WithProvider
                | Entry::Terminal
                | Entry::Adrift
        ) {
            self.saved += n;
        }
        self.adds_up = self.missing == 0 && self.adrift == 0;
    }

    /// Decides about the difference between what was accepted and what is there.
    pub fn weigh(&mut self, is_taken_out: bool) {
        let n = self.accepted - self.saved - self.quarantined;
        match n {
            ..0 => self.add(Entry::Uncounted, "", -n),
            0 => {}
            _ if is_taken_out => self.add(Entry::Missing, "", n),
            _ => self.add(Entry::InInbox, "", n),
        }
    }

    /// Saved and not at its end.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.saved - self.terminal.values().sum::<i64>() - self.adrift
    }

    /// The numbers that are not zero, with their details.
    #[must_use]
    pub fn entries(&self) -> Vec<(Entry, &str, i64)> {
        let plain = [
            (Entry::Accepted, self.accepted),
            (Entry::Uncounted, self.uncounted),
            (Entry::InInbox, self.in_inbox),
            (Entry::Quarantined, self.quarantined),
            (Entry::OnItsWay, self.on_its_way),
            (Entry::WithProvider, self.with_provider),
            (Entry::Missing, self.missing),
            (Entry::Adrift, self.adrift),
        ];
        plain
            .into_iter()
            .map(|(entry, n)| (entry, "", n))
            .chain(of_each(Entry::Waiting, &self.waiting))
            .chain(of_each(Entry::Terminal, &self.terminal))
            .filter(|(_, _, n)| *n != 0)
            .collect()
    }

    /// The sum of lines.
    #[must_use]
    pub fn sum<'a>(lines: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self {
            adds_up: true,
            ..Self::default()
        };
        for line in lines {
            for (entry, detail, n) in line.entries() {
                sum.add(entry, detail, n);
            }
        }
        sum
    }
}

fn of_each(
    entry: Entry,
    numbers: &BTreeMap<String, i64>,
) -> impl Iterator<Item = (Entry, &str, i64)> {
    let numbers = numbers.iter();
    numbers.map(move |(detail, n)| (entry, detail.as_str(), *n))
}

/// The rows of a service's jobs in one lane:
/// `rows = saved + not_made + to_come + missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobLine {
    /// The tenant.
    pub service_id: ServiceId,
    /// The lane.
    pub lane: Lane,
    /// How many jobs there are.
    pub jobs: i64,
    /// Their rows.
    pub rows: i64,
    /// Rows that are notifications.
    pub saved: i64,
    /// Rows that never will be, by why their job stopped.
    pub not_made: BTreeMap<String, i64>,
    /// Rows that are still to be saved.
    pub to_come: i64,
    /// Rows of finished jobs that are no notifications.
    pub missing: i64,
    /// Whether none is missing.
    pub adds_up: bool,
}

/// The ledger since some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The beginning of the first hour that is counted.
    pub since: DateTime<Utc>,
    /// Until when every minute has been looked at; none before the first check.
    pub checked_until: Option<DateTime<Utc>>,
    /// By service and lane.
    pub lines: Vec<Line>,
    /// Their sum.
    pub totals: Line,
    /// Jobs by service and lane.
    pub jobs: Vec<JobLine>,
    /// Whether everything adds up.
    pub adds_up: bool,
}

impl Report {
    /// A report of these lines.
    #[must_use]
    pub fn new(
        since: DateTime<Utc>,
        checked_until: Option<DateTime<Utc>>,
        lines: Vec<Line>,
        jobs: Vec<JobLine>,
    ) -> Self {
        let totals = Line::sum(&lines);
        Self {
            since,
            checked_until,
            adds_up: totals.adds_up && jobs.iter().all(|job| job.adds_up),
            lines,
            totals,
            jobs,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn line(numbers: &[(Entry, &str, i64)]) -> Line {
        let mut line = Line::of(ServiceId(Uuid::from_u128(1)), Lane::Normal);
        for (entry, detail, n) in numbers {
            line.add(*entry, detail, *n);
        }
        line
    }

    #[test]
    fn what_is_nowhere_is_in_an_inbox_until_that_is_empty() {
        let accepted = [
            (Entry::Accepted, "", 10),
            (Entry::Terminal, "delivered", 6),
            (Entry::Quarantined, "", 1),
        ];
        let mut waits = line(&accepted);
        waits.weigh(false);
        assert_eq!((waits.in_inbox, waits.missing, waits.adds_up), (3, 0, true));
        let mut lost = line(&accepted);
        lost.weigh(true);
        assert_eq!((lost.in_inbox, lost.missing, lost.adds_up), (0, 3, false));
    }

    #[test]
    fn what_nobody_counted_is_no_alarm() {
        let mut line = line(&[(Entry::Accepted, "", 2), (Entry::OnItsWay, "", 3)]);
        line.weigh(true);
        assert_eq!(
            (line.uncounted, line.in_flight(), line.adds_up),
            (1, 3, true)
        );
    }

    #[test]
    fn what_nobody_will_send_does_not_add_up() {
        let mut line = line(&[(Entry::Accepted, "", 1), (Entry::Adrift, "", 1)]);
        line.weigh(true);
        assert_eq!(
            (line.missing, line.in_flight(), line.adds_up),
            (0, 0, false)
        );
    }

    proptest! {
        #[test]
        fn both_sides_are_equal_and_nothing_is_lost_in_writing(
            accepted in 0i64..100, counts in proptest::collection::vec(0i64..50, 6), empty: bool,
        ) {
            let mut weighed = line(&[
                (Entry::Accepted, "", accepted),
                (Entry::Waiting, "scheduled", counts[0]),
                (Entry::OnItsWay, "", counts[1]),
                (Entry::WithProvider, "", counts[2]),
                (Entry::Terminal, "delivered", counts[3]),
                (Entry::Quarantined, "", counts[4]),
                (Entry::Adrift, "", counts[5]),
            ]);
            weighed.weigh(empty);
            prop_assert_eq!(
                weighed.accepted + weighed.uncounted,
                weighed.in_inbox + weighed.saved + weighed.quarantined + weighed.missing
            );
            prop_assert_eq!(weighed.uncounted == 0 || weighed.missing == 0, true);
            let read = line(&weighed.entries());
            prop_assert_eq!(read.adds_up, weighed.adds_up);
            prop_assert_eq!(read.saved, weighed.saved);
            let twice = Line::sum([&weighed, &weighed]);
            prop_assert_eq!(twice.accepted, 2 * weighed.accepted);
            prop_assert_eq!(twice.saved, 2 * weighed.saved);
        }
    }
}
