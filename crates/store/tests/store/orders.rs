//! Receipts in every order: early, late, doubled, reversed, unknown, among our own verdicts, and
//! through several workers at once. The end is always the same.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use carillon_core::provider::ProviderKind;
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_core::timeline::TimelineEvent;
use carillon_store::notification::{Marking, apply_receipts, claim, mark, time_out};
use carillon_store::{health, parked_receipt};
use futures::future::try_join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::given::{Given, LEASE, accepted, email, given, receipt};

/// When a receipt comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeTheRow,
    BeforeTheMark,
    AfterTheMark,
}

#[derive(Debug, Clone)]
struct Coming {
    kind: ReceiptKind,
    names_our_id: bool,
    /// Each time it comes; a repeat has the same event id.
    moments: Vec<Moment>,
}

fn any_coming() -> impl Strategy<Value = Coming> {
    let moments = [
        Moment::BeforeTheRow,
        Moment::BeforeTheMark,
        Moment::AfterTheMark,
    ];
    (
        prop::sample::select(ReceiptKind::ALL),
        any::<bool>(),
        prop::collection::vec(prop::sample::select(moments.to_vec()), 1..4),
    )
        .prop_map(|(kind, names_our_id, moments)| Coming {
            kind,
            names_our_id,
            moments,
        })
}

/// What we ourselves make of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    /// A provider took it.
    Accepted,
    /// None did, and we gave up.
    GaveUp,
}

/// When we end what has been open for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeOut {
    Never,
    BeforeTheMark,
    AfterTheMark,
    AtTheEnd,
}

#[derive(Debug, Clone)]
struct Plan {
    receipts: Vec<Coming>,
    ours: Ours,
    time_out: TimeOut,
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let ours = [Ours::Accepted, Ours::Accepted, Ours::GaveUp];
    let time_outs = [
        TimeOut::Never,
        TimeOut::Never,
        TimeOut::BeforeTheMark,
        TimeOut::AfterTheMark,
        TimeOut::AtTheEnd,
    ];
    (
        prop::collection::vec(any_coming(), 0..6),
        prop::sample::select(ours.to_vec()),
        prop::sample::select(time_outs.to_vec()),
    )
        .prop_map(|(receipts, ours, time_out)| Plan {
            receipts,
            ours,
            time_out,
        })
}

impl Plan {
    /// The kinds that are applied before the mark, after it, and when parked receipts come back.
    fn applied(&self) -> [Vec<ReceiptKind>; 3] {
        let mut phases = [const { Vec::new() }; 3];
        for coming in &self.receipts {
            let comes = |moment| coming.moments.contains(&moment);
            let phase = if coming.names_our_id && comes(Moment::BeforeTheMark) {
                0
            } else if comes(Moment::AfterTheMark) {
                1
            } else {
                2
            };
            phases[phase].push(coming.kind);
        }
        phases
    }

    /// The end: the highest of what was heard. Our own verdict stands where nothing was heard before
    /// it, and nothing moves it then.
    fn expected(&self) -> Status {
        let [before, after, back] = self.applied();
        let mut heard = Heard::default();
        heard.receipts(&before);
        heard.time_out(self.time_out == TimeOut::BeforeTheMark);
        match self.ours {
            Ours::Accepted => heard.up_to(Status::Sending),
            Ours::GaveUp => heard.verdict(),
        }
        heard.receipts(&after);
        heard.time_out(self.time_out == TimeOut::AfterTheMark);
        heard.receipts(&back);
        heard.time_out(self.time_out == TimeOut::AtTheEnd);
        heard.status()
    }
}

/// From the lowest to the highest.
const HEIGHTS: [Status; 7] = [
    Status::Created,
    Status::Sending,
    Status::Pending,
    Status::Sent,
    Status::TemporaryFailure,
    Status::Delivered,
    Status::PermanentFailure,
];

#[derive(Default)]
struct Heard {
    height: usize,
    is_ended_by_us: bool,
}

impl Heard {
    fn up_to(&mut self, status: Status) {
        let height = HEIGHTS.iter().position(|one| *one == status);
        self.height = self.height.max(height.expect("it is among the heights"));
    }

    fn receipts(&mut self, kinds: &[ReceiptKind]) {
        if self.is_ended_by_us {
            return;
        }
        for kind in kinds {
            self.up_to(match kind {
                ReceiptKind::Delivered | ReceiptKind::Complaint => Status::Delivered,
                ReceiptKind::PermanentFailure => Status::PermanentFailure,
                ReceiptKind::TemporaryFailure => Status::TemporaryFailure,
                ReceiptKind::Delayed => Status::Pending,
            });
        }
    }

    const fn verdict(&mut self) {
        self.is_ended_by_us |= self.height == 0;
    }

    fn time_out(&mut self, does: bool) {
        if does {
            self.verdict();
            if !self.is_ended_by_us {
                self.up_to(Status::TemporaryFailure);
            }
        }
    }

    fn status(&self) -> Status {
        if self.is_ended_by_us {
            Status::TechnicalFailure
        } else {
            HEIGHTS[self.height]
        }
    }
}

/// What a worker does with receipts: what names nothing is parked.
async fn take(given: &Given, receipts: &[Receipt]) {
    let unknown = apply_receipts(given, receipts)
        .await
        .expect("PostgreSQL answers")
        .unknown;
    parked_receipt::park(given, Queue::SesCallbacks, &unknown)
        .await
        .expect("PostgreSQL answers");
}

/// What the poller does, a minute later; and the worker with what it brought back.
async fn bring_back(given: &Given) {
    given.database.advance_clock(Duration::from_secs(60)).await;
    let due = parked_receipt::take_due(given, 100)
        .await
        .expect("PostgreSQL answers");
    let read =
        |due: parked_receipt::Due| serde_json::from_value(due.receipt).expect("it is a receipt");
    let receipts: Vec<Receipt> = due.into_iter().map(read).collect();
    take(given, &receipts).await;
}

/// Ends the message if it is still open; how many entries that is on its timeline.
async fn end_if_open(given: &Given, id: NotificationId) -> usize {
    let beside = |by: i128| NotificationId(Uuid::from_u128(id.0.as_u128().wrapping_add_signed(by)));
    let later = health::now(given).await.expect("PostgreSQL answers") + Duration::from_secs(3_600);
    let page = time_out(given, (beside(-1), beside(1)), later, 10).await;
    let page = page.expect("PostgreSQL answers").expect("it is there");
    usize::try_from(page.n_ended).expect("none or one")
}

#[tokio::test]
async fn whatever_the_order_the_status_is_the_highest_or_our_own_and_each_event_is_told_once() {
    let given = given().await;
    let mut runner = TestRunner::deterministic();
    let plans = any_plan();
    for _ in 0..60 {
        let plan = plans.new_tree(&mut runner).unwrap().current();
        let message = email();
        let id = message.id;
        let reference = format!("r-{id}");
        let coming = |moment: Moment| -> Vec<Receipt> {
            let receipt = |(i, coming): (usize, &Coming)| {
                let times = coming.moments.iter().filter(|m| **m == moment).count();
                let receipt = Receipt {
                    notification_id: coming.names_our_id.then_some(id),
                    provider: "sns".to_owned(),
                    reference: reference.clone(),
                    ..receipt(id, coming.kind, &format!("{id}-{i}"))
                };
                std::iter::repeat_n(receipt, times)
            };
            plan.receipts.iter().enumerate().flat_map(receipt).collect()
        };
        let unknown = receipt(NotificationId::mint(), ReceiptKind::Delivered, "unknown");
        let mut n_ended = 0;

        take(&given, &coming(Moment::BeforeTheRow)).await;
        given.save(&[message]).await;
        let mut before_the_mark = coming(Moment::BeforeTheMark);
        before_the_mark.reverse();
        before_the_mark.push(unknown);
        take(&given, &before_the_mark).await;
        if plan.time_out == TimeOut::BeforeTheMark {
            n_ended += end_if_open(&given, id).await;
        }
        // A receipt or a time-out may have taken it out of the flow; then the answer is late.
        let token = Uuid::new_v4();
        let claimed = claim(&given, &[id], token, LEASE).await.unwrap();
        let accepted = Marking {
            reference: Some(reference.clone()),
            referenced_by: Some(ProviderKind::Sns),
            ..accepted(id, token)
        };
        let marking = match plan.ours {
            Ours::Accepted => accepted,
            Ours::GaveUp => Marking {
                status: Status::TechnicalFailure,
                event: TimelineEvent::Failed,
                reason: Some(Reason::AttemptsExhausted),
                ..accepted
            },
        };
        let marks = mark(&given, &[marking], "worker").await.unwrap();
        assert_eq!(marks.n_late, 1 - claimed.len());
        for one in coming(Moment::AfterTheMark) {
            take(&given, &[one]).await;
        }
        if plan.time_out == TimeOut::AfterTheMark {
            n_ended += end_if_open(&given, id).await;
        }
        bring_back(&given).await;
        if plan.time_out == TimeOut::AtTheEnd {
            n_ended += end_if_open(&given, id).await;
        }

        let expected = plan.expected();
        let row = given.row(id).await;
        assert!(row.starts_with(&format!("{expected} ")), "{row}: {plan:?}");
        let timeline = given.timeline(id).await;
        let n_told = 2 + plan.receipts.len() + n_ended;
        assert_eq!(timeline.len(), n_told, "{timeline:?}: {plan:?}");
        let parked = format!(
            "SELECT count(*) FROM parked_receipts WHERE receipt ->> 'reference' = '{reference}'"
        );
        assert_eq!(given.database.number(&parked).await, 0, "{plan:?}");
    }
    let unknown = given
        .database
        .number("SELECT count(*) FROM parked_receipts")
        .await;
    assert_eq!(unknown, 1, "the unknown one waits on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_receipts_through_many_workers_at_once_are_each_written_once() {
    let given = given().await;
    given.register(&["delivery-status", "complaint"]).await;
    for round in 0..5 {
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(given.sending().await);
        }
        let batch: Vec<Receipt> = ids
            .iter()
            .flat_map(|id| {
                let of = |kind, n| receipt(*id, kind, &format!("{round}-{n}"));
                [of(ReceiptKind::Delivered, 1), of(ReceiptKind::Complaint, 2)]
            })
            .collect();
        let reversed: Vec<Receipt> = batch.iter().rev().cloned().collect();
        let workers = (0..6).map(|n| {
            let batch = if n % 2 == 0 { &batch } else { &reversed };
            apply_receipts(&given, batch)
        });
        let applied = try_join_all(workers).await.unwrap();
        let n_events: usize = applied
            .iter()
            .map(|applied| applied.n_callback_events)
            .sum();
        // Delivered once, by whichever receipt came first, and complained of once.
        assert_eq!(n_events, 2 * ids.len());
        for id in ids {
            assert_eq!(given.timeline(id).await.len(), 4);
            assert_eq!(given.to_tell(id).await.len(), 2);
        }
    }
}
