//! The ledger: counts that are written again, minutes that are found, lines that add up.

use std::time::Duration;

use carillon_core::id::{NotificationId, ServiceId};
use carillon_core::lane::Lane;
use carillon_core::ledger::{self as rules, Counts, Entry, Key, Line};
use carillon_core::queue::INBOXES;
use carillon_core::reason::{QuarantineReason, Reason};
use carillon_core::task::{SaveNotification, Task};
use carillon_store::ledger::{self, Filter};
use carillon_store::{health, notification, quarantine, watermark};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::given::{Given, emails, given, ids};

const PROCESS: Uuid = Uuid::from_u128(77);

/// A minute ago, so that it is over: the id of one accepted then.
fn id_at(at: DateTime<Utc>) -> NotificationId {
    let millis = u64::try_from(at.timestamp_millis()).expect("after 1970");
    let random = *Uuid::new_v4().as_bytes();
    let counter: &[u8; 10] = random[..10].try_into().expect("ten bytes");
    NotificationId(uuid::Builder::from_unix_timestamp_millis(millis, counter).into_uuid())
}

/// So many e-mails of one service, accepted in a minute.
fn accepted(minute: DateTime<Utc>, n: usize) -> Vec<SaveNotification> {
    let mut batch = emails(n);
    for (second, email) in (0..).zip(&mut batch) {
        email.id = id_at(minute + chrono::Duration::seconds(second % 60));
    }
    batch
}

fn counted(batch: &[SaveNotification]) -> Vec<(Key, i64, i64)> {
    let mut counts = Counts::default();
    for email in batch {
        counts.accepted(email.id, email.service_id, email.lane);
    }
    counts.unwritten(100)
}

impl Given {
    /// A minute of which everything is told, some minutes ago.
    async fn past_minute(&self) -> DateTime<Utc> {
        // The ledger begins with the migration: not before an hour ago in these tests.
        self.database
            .execute("UPDATE ledger_minutes SET minute = minute - interval '3 hours'")
            .await;
        rules::minute_of(health::now(self).await.expect("the database answers"))
            - chrono::Duration::minutes(5)
    }

    /// One look, as the poller's.
    async fn look(&self, minute: DateTime<Utc>, taken_out: bool) -> Vec<Line> {
        let mut found = ledger::begin_look(self, minute)
            .await
            .expect("the database answers");
        let (lowest, beyond) = rules::ids_between(minute, minute + chrono::Duration::minutes(1));
        found.extend(
            ledger::count(self, lowest, beyond)
                .await
                .expect("the database answers"),
        );
        let mut lines: Vec<Line> = Vec::new();
        for row in found {
            let same = |line: &&mut Line| {
                (line.service_id, line.lane) == (Some(row.service_id), Some(row.lane))
            };
            if let Some(line) = lines.iter_mut().find(same) {
                line.add(row.entry, &row.detail, row.n);
            } else {
                let mut line = Line::of(row.service_id, row.lane);
                line.add(row.entry, &row.detail, row.n);
                lines.push(line);
            }
        }
        lines.iter_mut().for_each(|line| line.weigh(taken_out));
        let now = health::now(self).await.expect("the database answers");
        let again = rules::look_again_after(now - minute, &Line::sum(&lines));
        ledger::record(self, minute, &lines, again)
            .await
            .expect("the database answers");
        lines
    }

    async fn report(&self) -> carillon_core::ledger::Report {
        let now = health::now(self).await.expect("the database answers");
        let filter = Filter {
            since: now - chrono::Duration::hours(24),
            service_id: None,
            lane: None,
        };
        ledger::read(self, filter)
            .await
            .expect("the database answers")
    }

    async fn due(&self) -> Vec<DateTime<Utc>> {
        let until = rules::finished_until(health::now(self).await.expect("the database answers"));
        ledger::minutes(self, until, 100)
            .await
            .expect("the database answers")
    }
}

#[tokio::test]
async fn counts_may_be_written_again_and_only_grow() {
    let given = given().await;
    let minute = given.past_minute().await;
    let mut counts = counted(&accepted(minute, 5));
    let older = counts.clone();
    counts[0].1 = 7;
    counts[0].2 = 5;
    for counts in [&older, &counts, &counts, &older] {
        ledger::write_accepted(&given, PROCESS, counts)
            .await
            .unwrap();
    }
    ledger::write_accepted(&given, Uuid::from_u128(78), &older)
        .await
        .unwrap();
    let found = ledger::begin_look(&given, minute).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].entry, found[0].n), (Entry::Accepted, 12));
}

#[tokio::test]
async fn every_row_is_in_one_place_of_its_line_and_what_is_nowhere_is_missing() {
    let given = given().await;
    let minute = given.past_minute().await;
    let batch = accepted(minute, 9);
    ledger::write_accepted(&given, PROCESS, &counted(&batch))
        .await
        .unwrap();
    notification::save(&given, &batch[..5], None).await.unwrap();
    notification::save(&given, &batch[5..6], Some(Reason::BrokerAway))
        .await
        .unwrap();
    let payload = serde_json::to_vec(&batch[6]).unwrap();
    for _ in 0..2 {
        quarantine::put(
            &given,
            "database",
            SaveNotification::NAME,
            QuarantineReason::RefusedByDatabase,
            "twice, for the first acknowledgement was lost",
            &payload,
        )
        .await
        .unwrap();
    }
    let statements = [
        "UPDATE notifications SET status = 'delivered', dispatched_at = NULL WHERE id::text = ANY($1)",
        "UPDATE notifications SET status = 'sending', dispatched_at = NULL WHERE id::text = ANY($1)",
        "UPDATE notifications SET dispatched_at = NULL WHERE id::text = ANY($1)",
    ];
    let client = given.database.client().await;
    for (statement, of) in statements.into_iter().zip([0..2, 2..3, 3..4]) {
        let ids: Vec<String> = ids(&batch[of]).iter().map(ToString::to_string).collect();
        client.execute(statement, &[&ids]).await.unwrap();
    }

    assert_eq!(given.due().await, [minute]);
    let line = &given.look(minute, false).await[0];
    assert_eq!((line.accepted, line.saved, line.quarantined), (9, 6, 1));
    assert_eq!((line.terminal["delivered"], line.with_provider), (2, 1));
    assert_eq!((line.on_its_way, line.adrift), (1, 1));
    assert_eq!(line.waiting["broker-away"], 1);
    assert_eq!((line.in_inbox, line.missing), (2, 0));
    assert!(
        given.due().await.is_empty(),
        "it is looked at again in a minute"
    );

    given.database.advance_clock(Duration::from_secs(61)).await;
    assert_eq!(given.due().await, [minute]);
    given.look(minute, true).await;
    let report = given.report().await;
    assert_eq!((report.totals.in_inbox, report.totals.missing), (0, 2));
    assert!(!report.adds_up);
    // What was set aside and then saved after all is no more than one.
    notification::save(&given, &batch[6..], None).await.unwrap();
    let line = &given.look(minute, true).await[0];
    assert_eq!((line.saved, line.quarantined, line.missing), (9, 0, 0));
}

#[tokio::test]
async fn rows_that_nobody_counted_are_found_and_are_no_alarm() {
    let given = given().await;
    let minute = given.past_minute().await;
    // Saved later than those of a minute that was looked at already.
    let later = minute + chrono::Duration::minutes(2);
    notification::save(&given, &accepted(later, 1), None)
        .await
        .unwrap();
    assert_eq!(given.due().await, [later]);
    given.look(later, true).await;
    notification::save(&given, &accepted(minute, 3), None)
        .await
        .unwrap();
    assert_eq!(given.due().await, [minute]);
    let line = &given.look(minute, true).await[0];
    assert_eq!((line.accepted, line.uncounted, line.adds_up), (0, 3, true));
}

#[tokio::test]
async fn settled_minutes_are_rolled_up_and_late_counts_go_to_their_hour() {
    let given = given().await;
    let minute = given.past_minute().await;
    let batch = accepted(minute, 4);
    ledger::write_accepted(&given, PROCESS, &counted(&batch))
        .await
        .unwrap();
    // One more than this process counted: another has not written yet.
    let others = accepted(minute, 1);
    notification::save(&given, &batch, None).await.unwrap();
    notification::save(&given, &others, None).await.unwrap();
    given
        .database
        .execute("UPDATE notifications SET status = 'delivered', dispatched_at = NULL")
        .await;
    given.look(minute, true).await;
    let before = given.report().await;
    assert_eq!(before.totals.terminal["delivered"], 5);
    assert_eq!(before.totals.uncounted, 1);

    let hour = Duration::from_secs(3_600);
    assert_eq!(ledger::roll_up(&given, hour, 10).await.unwrap(), 0);
    given.database.advance_clock(hour * 2).await;
    assert_eq!(ledger::roll_up(&given, hour, 10).await.unwrap(), 1);
    assert_eq!(ledger::roll_up(&given, hour, 10).await.unwrap(), 0);
    let minutes = "SELECT count(*) FROM ledger_entries";
    assert_eq!(given.database.number(minutes).await, 0);
    assert_eq!(given.report().await.lines, before.lines);

    // The first process writes again what is in the hour already; another has three of its own, of
    // which one explains what was uncounted.
    let mut again = counted(&batch);
    again[0].2 = 4;
    ledger::write_accepted(&given, PROCESS, &again)
        .await
        .unwrap();
    let three = counted(&accepted(minute, 3));
    ledger::write_accepted(&given, Uuid::from_u128(79), &three)
        .await
        .unwrap();
    assert!(given.due().await.is_empty());
    ledger::add_late(&given).await.unwrap();
    ledger::add_late(&given).await.unwrap();
    let totals = given.report().await.totals;
    assert_eq!(
        (totals.accepted, totals.uncounted, totals.missing),
        (7, 0, 2)
    );

    given.database.advance_clock(hour * 24 * 36).await;
    ledger::forget_old(&given).await.unwrap();
    let hours = "SELECT count(*) FROM ledger_hours";
    assert_eq!(given.database.number(hours).await, 0);
}

#[tokio::test]
async fn inboxes_are_empty_until_the_watermark_that_was_seen_a_while_ago() {
    let given = given().await;
    let first = health::now(&given).await.unwrap();
    for inbox in INBOXES.into_iter().skip(1) {
        watermark::record(&given, inbox, first).await.unwrap();
    }
    ledger::empty_inboxes(&given).await.unwrap();
    let mark = async |seconds: i64| {
        given.database.advance_clock(Duration::from_secs(50)).await;
        for inbox in INBOXES.into_iter().skip(1) {
            let at = first + chrono::Duration::seconds(seconds);
            watermark::record(&given, inbox, at).await.unwrap();
        }
        let mut emptied = ledger::empty_inboxes(&given).await.unwrap();
        emptied.sort();
        emptied
    };
    // No marker has come out of the priority inbox, which is the first.
    let expected = [(Lane::Normal, first), (Lane::Bulk, first)];
    assert_eq!(mark(50).await, expected);
    let fifty = first + chrono::Duration::seconds(50);
    assert_eq!(
        mark(100).await,
        [(Lane::Normal, fifty), (Lane::Bulk, fifty)]
    );
    // Looking again at once proves nothing more.
    let emptied = ledger::empty_inboxes(&given).await.unwrap();
    assert!(emptied.iter().all(|(_, until)| *until == fifty));
}

#[tokio::test]
async fn a_ledger_is_read_by_service_and_lane() {
    let given = given().await;
    let minute = given.past_minute().await;
    let mut batch = accepted(minute, 6);
    batch[0].lane = Lane::Priority;
    batch[1].service_id = ServiceId(Uuid::from_u128(50));
    ledger::write_accepted(&given, PROCESS, &counted(&batch))
        .await
        .unwrap();
    given.look(minute, false).await;
    let read = async |service_id, lane| {
        let filter = Filter {
            since: minute,
            service_id,
            lane,
        };
        ledger::read(&given, filter).await.unwrap()
    };
    assert_eq!(read(None, None).await.lines.len(), 3);
    let of_other = read(Some(batch[1].service_id), None).await;
    assert_eq!((of_other.lines.len(), of_other.totals.accepted), (1, 1));
    assert_eq!(read(None, Some(Lane::Priority)).await.totals.in_inbox, 1);
    let gauges = ledger::gauges(&given, minute).await.unwrap();
    let n: i64 = gauges
        .lanes
        .iter()
        .filter(|g| g.entry == Entry::Accepted)
        .map(|g| g.n)
        .sum();
    assert_eq!(n, 6);
    assert!(gauges.in_inbox_seconds > 60.0);
}
