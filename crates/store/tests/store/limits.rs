//! Leasing from budgets and counters, and the brake on what bounces.

use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::ServiceId;
use carillon_core::limits::bounces::Bounces;
use carillon_core::limits::daily::Share;
use carillon_core::notification::Status;
use carillon_core::reason::Reason;
use carillon_core::receipt::ReceiptKind;
use carillon_core::task::SaveNotification;
use carillon_core::timeline::TimelineEvent;
use carillon_store::limits::{self, DayAsk, DayShare, RateAsk, Turn};
use carillon_store::notification::{self, Marking};
use chrono::NaiveDate;
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::given::{Given, accepted, email, given, receipt};

const ELY: ServiceId = ServiceId(Uuid::from_u128(1));

fn requests(limit: u32, wanted: u32) -> [RateAsk; 1] {
    [RateAsk {
        service_id: ELY,
        key_type: KeyType::Normal,
        limit,
        wanted,
    }]
}

async fn granted(given: &Given, limit: u32, wanted: u32) -> i32 {
    let grants = limits::lease_rates(given, &requests(limit, wanted)).await;
    grants.expect("the database answers")[0].granted
}

#[tokio::test]
async fn a_budget_holds_a_minute_s_worth_and_fills_by_the_database_s_clock() {
    let given = given().await;
    assert_eq!(granted(&given, 60, 25).await, 25);
    // Others have budgets of their own, and one statement leases from all.
    let team = RateAsk {
        key_type: KeyType::Team,
        ..requests(60, 100)[0]
    };
    let both = limits::lease_rates(&given, &[requests(60, 20)[0], team]).await;
    let mut both: Vec<i32> = both.unwrap().iter().map(|grant| grant.granted).collect();
    both.sort_unstable();
    assert_eq!(both, [20, 60]);
    let rest = granted(&given, 60, 100).await;
    assert!((15..=18).contains(&rest), "{rest}");
    assert_eq!(granted(&given, 60, 0).await, 0);

    given.database.advance_clock(Duration::from_secs(30)).await;
    let filled = granted(&given, 60, 100).await;
    assert!((29..=33).contains(&filled), "{filled}");
    given
        .database
        .advance_clock(Duration::from_secs(3_600))
        .await;
    assert_eq!(
        granted(&given, 60, 100).await,
        60,
        "not more than a minute's worth"
    );
    // A limit that is lowered counts at once.
    given
        .database
        .advance_clock(Duration::from_secs(3_600))
        .await;
    assert_eq!(granted(&given, 7, 100).await, 7);

    // A server whose clock is behind goes on from there.
    let back = "UPDATE clock_offset SET \"offset\" = \"offset\" - interval '1 hour'";
    given.database.execute(back).await;
    assert_eq!(granted(&given, 60, 100).await, 0);
    given.database.advance_clock(Duration::from_secs(30)).await;
    let filled = granted(&given, 60, 100).await;
    assert!((29..=33).contains(&filled), "{filled}");
}

#[tokio::test]
async fn whoever_races_for_a_budget_gets_no_more_than_there_is() {
    let given = given().await;
    let leases = (0..24).map(|_| granted(&given, 1_200, 100));
    let total: i32 = join_all(leases).await.into_iter().sum();
    // Twenty come in a second.
    assert!((1_200..=1_260).contains(&total), "{total}");
}

fn messages(limit: u32, wanted: u32) -> [DayAsk; 1] {
    [DayAsk {
        service_id: ELY,
        channel: Channel::Email,
        limit,
        wanted,
    }]
}

/// A process of its own asks.
async fn leased(given: &Given, limit: u32, wanted: u32) -> u32 {
    let turn = turn(Uuid::new_v4(), 1);
    let grants = limits::lease_days(given, turn, &[], &messages(limit, wanted)).await;
    grants.expect("the database answers")[0].granted
}

const fn turn(process: Uuid, number: i64) -> Turn {
    Turn { process, number }
}

async fn counted(given: &Given) -> u64 {
    let today = limits::today(given, ELY, Channel::Email).await;
    today.expect("the database answers").n
}

#[tokio::test]
async fn a_counter_moves_on_to_its_limit_and_not_past_it() {
    let given = given().await;
    let leases = (0..30).map(|_| leased(&given, 100, 7));
    let total: u32 = join_all(leases).await.into_iter().sum();
    assert_eq!((total, counted(&given).await), (100, 100));
    // One that was lowered below the count grants nothing.
    assert_eq!(leased(&given, 50, 1).await, 0);
    assert_eq!(leased(&given, 102, 5).await, 2);
    assert_eq!(leased(&given, 0, 5).await, 0);
    assert_eq!(counted(&given).await, 102);

    let lease = async |limit: u32| {
        let turn = turn(Uuid::from_u128(1), limit.into());
        limits::lease_days(&given, turn, &[], &messages(limit, 5)).await
    };
    let grant = lease(103).await.unwrap()[0];
    assert!(grant.count.lasts <= Duration::from_secs(86_400));
    // A new day begins at midnight UTC.
    given.database.advance_clock(grant.count.lasts).await;
    let tomorrow = lease(104).await.unwrap()[0];
    assert_eq!((tomorrow.granted, tomorrow.count.n), (5, 5));
    assert_eq!(Some(tomorrow.count.day), grant.count.day.succ_opt());
}

#[tokio::test]
async fn a_counter_goes_by_what_each_process_said_last_however_often_and_late_that_comes() {
    let given = given().await;
    let today = limits::today(&given, ELY, Channel::Email).await.unwrap();
    let said = async |process, number, shares: &[(NaiveDate, u64, bool)], wanted: Option<u32>| {
        let shares: Vec<DayShare> = shares
            .iter()
            .map(|&(day, n, is_told)| DayShare {
                service_id: ELY,
                channel: Channel::Email,
                share: Share { day, n, is_told },
            })
            .collect();
        let asks = wanted.map(|wanted| messages(100, wanted)[0]);
        let turn = turn(Uuid::from_u128(process), number);
        let asks = asks.as_slice();
        let grants = limits::lease_days(&given, turn, &shares, asks)
            .await
            .unwrap();
        let granted = grants.first().map(|grant| grant.granted);
        (granted, counted(&given).await)
    };
    let (day, n) = (today.day, |n| (today.day, n, false));
    let before = (day.pred_opt().unwrap(), 7, false);
    assert_eq!(said(1, 1, &[n(8)], None).await, (Some(0), 8));
    assert_eq!(said(1, 1, &[n(8)], None).await, (None, 8), "repeated");
    assert_eq!(said(1, 2, &[n(8)], None).await, (Some(0), 8), "told again");
    assert_eq!(said(2, 1, &[], Some(5)).await, (Some(5), 13));
    // The answer to this is lost, and the grant with it.
    assert_eq!(said(1, 3, &[n(8)], Some(20)).await, (Some(20), 33));
    assert_eq!(said(1, 5, &[n(9), before], Some(4)).await, (Some(4), 18));
    assert_eq!(said(1, 4, &[n(8)], Some(20)).await, (None, 18), "late");
    // What is known is of no use to any day but today, of which it is a part.
    let known = [(day, 13, true), (before.0, 1, true)];
    assert_eq!(said(1, 6, &known, Some(1)).await, (Some(1), 19));
    let yesterday = "SELECT n FROM service_daily_counts WHERE day < (SELECT max(day) FROM service_daily_counts)";
    assert_eq!(given.database.number(yesterday).await, 7);
    // All is handed back, and then some went on without a lease: beyond the limit it may be.
    assert_eq!(said(1, 7, &[n(0)], None).await, (Some(0), 5));
    assert_eq!(said(1, 8, &[n(120)], Some(3)).await, (Some(0), 125));
    assert_eq!(leased(&given, 100, 5).await, 0);
}

#[tokio::test]
async fn the_rows_of_a_mailing_count_all_or_none() {
    let given = given().await;
    let day = limits::today(&given, ELY, Channel::Email)
        .await
        .unwrap()
        .day;
    let take_as = async |turn, limit, n_rows, n| {
        let is_told = false;
        let shares = [Share { day, n, is_told }];
        limits::take_rows(&given, turn, messages(limit, n_rows)[0], &shares)
            .await
            .unwrap()
            .map(|count| count.n)
    };
    let take = async |limit, n_rows| take_as(turn(Uuid::new_v4(), 1), limit, n_rows, 0).await;
    assert_eq!(take(10, 11).await, None);
    assert_eq!(counted(&given).await, 0);
    assert_eq!(take(10, 4).await, Some(4));
    let me = Uuid::from_u128(1);
    let three = limits::lease_days(&given, turn(me, 1), &[], &messages(10, 3)).await;
    assert_eq!(three.unwrap()[0].granted, 3);
    assert_eq!(take(10, 5).await, None);
    // The caller's own unused lease makes room.
    assert_eq!(take_as(turn(me, 2), 10, 5, 1).await, Some(10));
    assert_eq!(take_as(turn(me, 2), 10, 5, 1).await, None, "repeated");
    assert_eq!(take(10, 1).await, None);
    assert_eq!(counted(&given).await, 10);
    let mailings = (0..10).map(|_| take(1_000, 200));
    let n_taken = join_all(mailings).await.into_iter().flatten().count();
    assert_eq!((n_taken, counted(&given).await), (4, 810));
}

/// Saves and sends one; a receipt may follow.
async fn sent(given: &Given, message: SaveNotification, kind: Option<(ReceiptKind, &str)>) {
    let id = message.id;
    given.save(&[message]).await;
    let token = given.claimed(id).await;
    let marked = notification::mark(given, &[accepted(id, token)], "test").await;
    assert_eq!(marked.expect("the database answers").n_late, 0);
    if let Some((kind, subtype)) = kind {
        let mut receipt = receipt(id, kind, "e");
        receipt.subtype = Some(subtype.to_owned());
        // However often it comes.
        for _ in 0..2 {
            notification::apply_receipts(given, std::slice::from_ref(&receipt))
                .await
                .expect("the database answers");
        }
    }
}

#[tokio::test]
async fn what_is_sent_and_bounces_for_good_is_counted_once_and_what_goes_to_nobody_is_not() {
    let given = given().await;
    let bounce = ReceiptKind::PermanentFailure;
    for (kind, subtype) in [
        (bounce, "general"),
        (bounce, "rejected"),
        (ReceiptKind::TemporaryFailure, "mailbox-full"),
        (ReceiptKind::Delivered, "x"),
    ] {
        sent(&given, email(), Some((kind, subtype))).await;
    }
    let simulated = "Perm-Fail@Simulator.notify".to_owned();
    let to_nobody = [
        SaveNotification {
            key_type: KeyType::Test,
            ..email()
        },
        SaveNotification {
            normalised_recipient: simulated,
            ..email()
        },
        SaveNotification {
            channel: Channel::Sms,
            ..email()
        },
    ];
    for message in to_nobody {
        sent(&given, message, Some((bounce, "general"))).await;
    }
    // Not sent yet.
    given.on_its_way().await;

    let mut n_tallies = 0;
    loop {
        // Three at a time.
        match limits::roll_up(&given, 3).await.unwrap() {
            0 => break,
            n => n_tallies += n,
        }
    }
    assert_eq!(n_tallies, 5);
    let expected = Bounces {
        sent: 4,
        hard_bounced: 1,
    };
    assert_eq!(limits::bounces_of(&given, ELY).await.unwrap(), expected);
    // A day later it is forgotten.
    given
        .database
        .advance_clock(Duration::from_secs(25 * 3_600))
        .await;
    let none = limits::bounces_of(&given, ELY).await.unwrap();
    assert_eq!(none, Bounces::default());
}

/// As a worker holds a message of a braked service.
fn held(message: &SaveNotification, token: Uuid) -> Marking {
    Marking {
        status: Status::Created,
        provider: None,
        reference: None,
        event: TimelineEvent::Held,
        reason: Some(Reason::BounceBrake),
        retry_after: Some(Duration::from_secs(100 * 86_400)),
        counted: false,
        detail: json!({}),
        ..accepted(message.id, token)
    }
}

#[tokio::test]
async fn a_brake_holds_until_it_is_released_and_what_it_held_goes_on() {
    let given = given().await;
    given.register(&[]).await;
    sent(
        &given,
        email(),
        Some((ReceiptKind::PermanentFailure, "general")),
    )
    .await;
    limits::roll_up(&given, 100).await.unwrap();
    let bouncing = limits::bouncing(&given, 1).await.unwrap();
    assert_eq!(bouncing.len(), 1);
    assert_eq!(limits::bouncing(&given, 2).await.unwrap(), []);
    assert!(limits::note_warning(&given, ELY).await.unwrap());
    assert!(!limits::note_warning(&given, ELY).await.unwrap());

    assert!(!limits::release(&given, ELY, "cli", "why").await.unwrap());
    assert!(
        limits::brake(&given, ELY, bouncing[0].bounces)
            .await
            .unwrap()
    );
    assert!(
        !limits::brake(&given, ELY, bouncing[0].bounces)
            .await
            .unwrap()
    );
    let service = carillon_store::service::read(&given, ELY).await.unwrap();
    assert!(service.is_braked(Channel::Email, KeyType::Normal));
    assert!(limits::bouncing(&given, 1).await.unwrap()[0].is_braked);

    let stranger = SaveNotification {
        service_id: ServiceId(Uuid::from_u128(9)),
        ..email()
    };
    let batch = [email(), email(), stranger];
    given.save(&batch).await;
    for message in &batch {
        let token = given.claimed(message.id).await;
        let marked = notification::mark(&given, &[held(message, token)], "test").await;
        assert_eq!(marked.unwrap().n_late, 0);
    }
    assert_eq!(
        given.timeline(batch[0].id).await,
        ["accepted", "held bounce-brake"]
    );
    assert_eq!(limits::to_release(&given).await.unwrap(), []);

    assert!(
        limits::release(&given, ELY, "cli", "cleaned")
            .await
            .unwrap()
    );
    let none = limits::bounces_of(&given, ELY).await.unwrap();
    assert_eq!(none, Bounces::default(), "counted anew");
    let brake = &limits::brakes_of(&given, ELY, 9).await.unwrap()[0];
    assert_eq!((brake.sent, brake.hard_bounced), (1, 1));
    assert_eq!(brake.release_reason.as_deref(), Some("cleaned"));

    let release = limits::to_release(&given).await.unwrap()[0];
    assert!(!release.is_known_to_all);
    for expected in [1, 1, 0] {
        let n = limits::release_rows(&given, ELY, 1).await.unwrap();
        assert_eq!(n, expected);
    }
    let relayed = notification::relay(&given, 10).await.unwrap();
    let mut relayed: Vec<_> = relayed.iter().map(|row| row.id).collect();
    relayed.sort_unstable();
    assert_eq!(relayed, [batch[0].id, batch[1].id]);
    assert_eq!(
        given.row(batch[2].id).await,
        "created attempts=0 waits=bounce-brake",
        "another service's"
    );

    given.database.advance_clock(Duration::from_secs(121)).await;
    let release = limits::to_release(&given).await.unwrap()[0];
    assert!(release.is_known_to_all);
    limits::rows_are_released(&given, &release).await.unwrap();
    assert_eq!(limits::to_release(&given).await.unwrap(), []);
    // It may be braked again.
    assert!(
        limits::brake(&given, ELY, Bounces::default())
            .await
            .unwrap()
    );
    assert_eq!(limits::brakes_of(&given, ELY, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn old_counts_are_forgotten() {
    let given = given().await;
    leased(&given, 10, 5).await;
    sent(&given, email(), None).await;
    limits::roll_up(&given, 100).await.unwrap();
    assert_eq!(limits::forget_old_counts(&given).await.unwrap(), 0);
    given
        .database
        .advance_clock(Duration::from_secs(3 * 86_400))
        .await;
    assert_eq!(limits::forget_old_counts(&given).await.unwrap(), 1);
    given
        .database
        .advance_clock(Duration::from_secs(36 * 86_400))
        .await;
    assert_eq!(limits::forget_old_counts(&given).await.unwrap(), 1);
}
