//! The ledger: whether everything that was accepted is somewhere.
//!
//! Two counts that know nothing of each other meet here: what the API answered with 201, and what
//! PostgreSQL holds. Both are kept by the minute in a message's own id, by service and by lane. What
//! was accepted and is not among the rows is in an inbox, until everything put into the inboxes by
//! then has been taken out; after that it is missing.

mod counts;
mod report;

pub use counts::{Counts, Key};
pub use report::{JobLine, Line, Report};

use chrono::{DateTime, Duration, DurationRound, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::id::{NotificationId, ServiceId};
use crate::lane::Lane;
use crate::queue::{INBOXES, Queue};

text_enum! {
    /// What a number of the ledger counts.
    pub enum Entry {
        /// Answered with 201, as the processes of the API counted.
        Accepted = "accepted",
        /// There, although no process says that it accepted it: one was killed before it had
        /// written its counts.
        Uncounted = "uncounted",
        /// Accepted and not saved, with inboxes that have not been emptied since.
        InInbox = "in-inbox",
        /// Set aside instead of saved.
        Quarantined = "quarantined",
        /// Waits in PostgreSQL; the detail is the reason.
        Waiting = "waiting",
        /// In a delivery queue or in a worker's hands.
        OnItsWay = "on-its-way",
        /// With a provider that has not reported its end.
        WithProvider = "with-provider",
        /// At its end; the detail is the status.
        Terminal = "terminal",
        /// Accepted and nowhere.
        Missing = "missing",
        /// Saved, not sent, and neither on its way nor waiting: nobody is going to send it.
        Adrift = "adrift",
    }
}

/// After the end of a minute: what was accepted in it is published and counted by then, and clocks
/// may differ by so much.
const FINISHED_AFTER: Duration = Duration::seconds(10);
/// A marker proves what was put into the inbox before it, and a minute's messages are there so long
/// after its end at the latest.
const PUBLISHED_WITHIN: Duration = Duration::seconds(10);
/// How long a worker may have in its hands what it took from an inbox.
pub const HELD_WITHIN: Duration = Duration::seconds(45);

const MINUTE: Duration = Duration::minutes(1);
const HOUR: Duration = Duration::hours(1);
const DAY: Duration = Duration::days(1);

/// The beginning of a moment's minute.
#[must_use]
pub fn minute_of(at: DateTime<Utc>) -> DateTime<Utc> {
    // Fails only for years that no timestamp of ours has.
    at.duration_trunc(MINUTE).unwrap_or(at)
}

/// The beginning of a moment's hour: what is settled is kept by the hour.
#[must_use]
pub fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(HOUR).unwrap_or(at)
}

/// The end of the last minute that can be looked at.
#[must_use]
pub fn finished_until(now: DateTime<Utc>) -> DateTime<Utc> {
    minute_of(now - FINISHED_AFTER)
}

/// The ids between two moments: the first included, the last not.
#[must_use]
pub fn ids_between(from: DateTime<Utc>, until: DateTime<Utc>) -> (NotificationId, NotificationId) {
    let bound = NotificationId::lower_bound;
    (bound(from), bound(until))
}

/// The inboxes that hold messages of a lane.
pub fn inboxes_of(lane: Lane) -> impl Iterator<Item = Queue> {
    INBOXES
        .into_iter()
        .filter(move |inbox| inbox.lane() == lane)
}

/// Whether everything accepted in a minute has left the inboxes and the hands of whoever took it:
/// they were emptied of what was put in until then.
#[must_use]
pub fn is_taken_out(minute: DateTime<Utc>, taken_out_until: Option<DateTime<Utc>>) -> bool {
    taken_out_until.is_some_and(|until| until >= minute + MINUTE + PUBLISHED_WITHIN)
}

/// When a minute is looked at again, from what was found in all its lines; none once it is settled.
///
/// What is in doubt is looked at soon. What is only under way is looked at ever more rarely, so that
/// a message that takes days costs some ten looks.
#[must_use]
pub fn look_again_after(age: Duration, found: &Line) -> Option<Duration> {
    let in_flight = found.in_flight();
    if found.in_inbox + found.missing + found.adrift > 0 && age < DAY {
        let soon = if age < HOUR { MINUTE } else { MINUTE * 10 };
        return Some(soon);
    }
    // By now it has been reported for a day; what comes after all is counted by the late counts.
    let doubt = found.in_inbox + found.adrift;
    match (in_flight, doubt) {
        (0, 0) => None,
        (_, 0) => Some((age * 3).clamp(MINUTE, DAY)),
        _ => Some(HOUR),
    }
}

/// Whose message a payload is, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// The notification.
    pub id: NotificationId,
    /// The tenant.
    pub service_id: ServiceId,
    /// The lane.
    pub lane: Lane,
}

/// Whose messages a quarantined payload of an accept inbox holds: one, or an array. What does not
/// say so is left out. Nothing but these three fields is read.
#[must_use]
pub fn identities(payload: &[u8]) -> Vec<Identity> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Element {
        Named(Identity),
        Other(IgnoredAny),
    }
    let named = |element| match element {
        Element::Named(identity) => Some(identity),
        Element::Other(IgnoredAny) => None,
    };
    if let Ok(one) = serde_json::from_slice::<Identity>(payload) {
        return vec![one];
    }
    let elements: Vec<Element> = serde_json::from_slice(payload).unwrap_or_default();
    elements.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use uuid::Uuid;

    use super::*;

    fn at(h: u32, m: u32, s: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 27, h, m, s).unwrap()
    }

    #[test]
    fn a_minute_is_finished_when_what_was_accepted_in_it_is_counted() {
        assert_eq!(finished_until(at(9, 5, 9)), at(9, 4, 0));
        assert_eq!(finished_until(at(9, 5, 10)), at(9, 5, 0));
    }

    #[test]
    fn every_inbox_belongs_to_one_lane() {
        let all: Vec<_> = Lane::ALL
            .iter()
            .flat_map(|lane| inboxes_of(*lane))
            .collect();
        assert_eq!(all.len(), INBOXES.len());
        assert!(inboxes_of(Lane::Normal).any(|inbox| inbox == Queue::SaveApiSms));
    }

    #[test]
    fn inboxes_are_emptied_once_a_marker_from_after_the_minute_has_come_out() {
        assert!(!is_taken_out(at(9, 4, 0), None));
        assert!(!is_taken_out(at(9, 4, 0), Some(at(9, 5, 9))));
        assert!(is_taken_out(at(9, 4, 0), Some(at(9, 5, 10))));
    }

    #[test]
    fn what_is_in_doubt_is_looked_at_soon_and_what_takes_days_rarely() {
        let missing = Line {
            missing: 1,
            ..Line::default()
        };
        assert_eq!(look_again_after(MINUTE, &missing), Some(MINUTE));
        assert_eq!(look_again_after(HOUR * 2, &missing), Some(MINUTE * 10));
        assert_eq!(look_again_after(DAY, &missing), None);
        let mut under_way = Line::default();
        under_way.add(Entry::WithProvider, "", 1);
        let (mut age, mut looks) = (MINUTE, 0);
        while age < DAY * 3 {
            age += look_again_after(age, &under_way).unwrap();
            looks += 1;
        }
        assert!((6..12).contains(&looks), "{looks}");
        assert_eq!(look_again_after(MINUTE, &Line::default()), None);
    }

    #[test]
    fn a_quarantined_payload_is_recognised_as_far_as_it_says_whose_it_is() {
        let id = |n| Uuid::from_u128(n).to_string();
        let one = format!(
            r#"{{"id":"{}","service_id":"{}","lane":"bulk","recipient":["?"]}}"#,
            id(1),
            id(2)
        );
        let expected = Identity {
            id: NotificationId(Uuid::from_u128(1)),
            service_id: ServiceId(Uuid::from_u128(2)),
            lane: Lane::Bulk,
        };
        assert_eq!(identities(one.as_bytes()), [expected]);
        let batch = format!(r#"[{{"id":7}}, {one}, "x"]"#);
        assert_eq!(identities(batch.as_bytes()), [expected]);
        for none in ["[{", "{}", "7", "[1]"] {
            assert_eq!(identities(none.as_bytes()), [], "{none}");
        }
    }
}
