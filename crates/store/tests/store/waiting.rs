//! Waiting and going on: hold and relay.

use std::collections::HashSet;
use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::notification::Status;
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::task::SaveNotification;
use carillon_core::timeline::TimelineEvent;
use carillon_store::notification::{self, Marking, hold, hold_each, mark, relay};
use futures::future::try_join_all;
use serde_json::json;

use crate::given::{accepted, email, emails, given, ids};

#[tokio::test(flavor = "multi_thread")]
async fn several_pollers_take_each_due_row_once() {
    let given = given().await;
    let batch = emails(200);
    notification::save(&given, &batch, Some(Reason::BrokerAway))
        .await
        .unwrap();
    let taken = try_join_all((0..8).map(|_| relay(&given, 60)))
        .await
        .unwrap();
    let mut seen = HashSet::new();
    for row in taken.iter().flatten() {
        assert!(seen.insert(row.id), "{} was taken twice", row.id);
        assert_eq!(row.queue, Queue::SendEmail);
    }
    // Who finds a row locked leaves it to the next round.
    loop {
        let rest = relay(&given, 60).await.unwrap();
        if rest.is_empty() {
            break;
        }
        rest.into_iter()
            .for_each(|row| assert!(seen.insert(row.id)));
    }
    assert_eq!(seen, ids(&batch).into_iter().collect());
    assert_eq!(
        given.row(batch[0].id).await,
        "created attempts=0 on-its-way"
    );
}

#[tokio::test]
async fn the_longest_due_go_first_and_the_rest_stay() {
    let given = given().await;
    let batch = emails(5);
    given.save(&batch).await;
    for (i, id) in ids(&batch).into_iter().enumerate() {
        let wait = Duration::from_secs(50 - 10 * i as u64);
        hold(&given, &[id], Reason::GivenBack, wait, "test")
            .await
            .unwrap();
    }
    given.database.advance_clock(Duration::from_secs(35)).await;
    let taken: HashSet<_> = relay(&given, 2)
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.id)
        .collect();
    assert_eq!(taken, HashSet::from([batch[4].id, batch[3].id]));
    assert_eq!(relay(&given, 10).await.unwrap().len(), 1);
    assert!(relay(&given, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_retry_goes_through_the_retry_queue_unless_it_is_of_a_test_key() {
    let given = given().await;
    let test = SaveNotification {
        key_type: KeyType::Test,
        ..email()
    };
    let live = email();
    given.save(&[test.clone(), live.clone()]).await;
    for id in [test.id, live.id] {
        let token = given.claimed(id).await;
        let failed = notification::Marking {
            status: carillon_core::notification::Status::Created,
            reason: Some(Reason::ProviderFailure),
            retry_after: Some(Duration::ZERO),
            ..accepted(id, token)
        };
        notification::mark(&given, &[failed], "worker")
            .await
            .unwrap();
    }
    let relayed = relay(&given, 10).await.unwrap();
    let queue_of = |id| relayed.iter().find(|r| r.id == id).map(|r| r.queue);
    assert_eq!(queue_of(live.id), Some(Queue::Retry));
    assert_eq!(queue_of(test.id), Some(Queue::ResearchMode));
}

#[tokio::test]
async fn what_only_waited_goes_back_to_its_lane() {
    let given = given().await;
    let sms = SaveNotification {
        channel: carillon_core::channel::Channel::Sms,
        ..email()
    };
    given.save(std::slice::from_ref(&sms)).await;
    hold(
        &given,
        &[sms.id],
        Reason::GivenBack,
        Duration::ZERO,
        "worker",
    )
    .await
    .unwrap();
    assert_eq!(relay(&given, 10).await.unwrap()[0].queue, Queue::SendSms);
}

#[tokio::test]
async fn only_what_is_on_its_way_and_in_nobody_s_hands_is_held() {
    let given = given().await;
    let free = given.on_its_way().await;
    let leased = given.on_its_way().await;
    given.claimed(leased).await;
    let sending = given.sending().await;
    let waiting = email();
    notification::save(
        &given,
        std::slice::from_ref(&waiting),
        Some(Reason::BrokerAway),
    )
    .await
    .unwrap();

    let handed = [free, leased, sending, waiting.id];
    let wait = Duration::from_secs(60);
    assert_eq!(
        hold(&given, &handed, Reason::GivenBack, wait, "worker")
            .await
            .unwrap(),
        1
    );
    assert_eq!(given.row(free).await, "created attempts=0 waits=given-back");
    assert_eq!(given.timeline(free).await, ["accepted", "held given-back"]);
    assert_eq!(
        given.row(waiting.id).await,
        "created attempts=0 waits=broker-away"
    );
    assert!(
        relay(&given, 10)
            .await
            .unwrap()
            .iter()
            .all(|row| row.id != free)
    );
}

#[tokio::test]
async fn however_often_a_message_is_held_for_the_same_reason_its_timeline_says_it_once() {
    let given = given().await;
    let id = given.on_its_way().await;
    let wait = Duration::from_secs(10);
    for reason in [
        Reason::ProviderPaused,
        Reason::ProviderPaused,
        Reason::FairShare,
        Reason::ProviderPaused,
    ] {
        let held = hold(&given, &[id], reason, wait, "worker").await;
        assert_eq!(held.unwrap(), 1);
        let waits = format!("created attempts=0 waits={reason}");
        assert_eq!(given.row(id).await, waits);
        given.database.advance_clock(wait).await;
        assert_eq!(relay(&given, 10).await.unwrap().len(), 1);
    }
    assert_eq!(
        given.timeline(id).await,
        [
            "accepted",
            "held provider-paused",
            "held fair-share",
            "held provider-paused"
        ]
    );
}

#[tokio::test]
async fn one_that_is_claimed_again_and_again_without_a_call_is_told_once_too() {
    let given = given().await;
    let id = given.on_its_way().await;
    let wait = Duration::from_secs(10);
    for _ in 0..3 {
        let held = Marking {
            status: Status::Created,
            provider: None,
            reference: None,
            event: TimelineEvent::Held,
            reason: Some(Reason::NoProvider),
            retry_after: Some(wait),
            counted: false,
            detail: json!({}),
            ..accepted(id, given.claimed(id).await)
        };
        let marks = mark(&given, &[held], "worker").await.unwrap();
        assert_eq!(marks.n_late, 0);
        assert_eq!(given.row(id).await, "created attempts=0 waits=no-provider");
        given.database.advance_clock(wait).await;
        assert_eq!(relay(&given, 10).await.unwrap().len(), 1);
    }
    assert_eq!(given.timeline(id).await, ["accepted", "held no-provider"]);
}

#[tokio::test]
async fn those_held_together_wait_each_for_its_time() {
    let given = given().await;
    let batch = emails(3);
    given.save(&batch).await;
    let ids = ids(&batch);
    let waits = ids
        .iter()
        .copied()
        .zip([30, 10, 20].map(Duration::from_secs));
    let held = hold_each(&given, waits, Reason::FairShare, "worker").await;
    assert_eq!(held.unwrap(), 3);
    assert_eq!(
        given.timeline(ids[0]).await,
        ["accepted", "held fair-share"]
    );
    for nth in [1, 2, 0] {
        given.database.advance_clock(Duration::from_secs(10)).await;
        let relayed = relay(&given, 10).await.unwrap();
        let [row] = relayed[..] else {
            panic!("not one is due: {relayed:?}");
        };
        // It goes on as what it was.
        let on = (row.id, row.queue, row.service_id, row.channel);
        let email = &batch[nth];
        let was = (email.id, Queue::SendEmail, email.service_id, email.channel);
        assert_eq!(on, was);
    }
}

#[tokio::test]
async fn a_scheduled_message_goes_at_its_time() {
    let given = given().await;
    let later = SaveNotification {
        scheduled_for: Some(carillon_core::clock::now() + chrono::Duration::hours(2)),
        ..email()
    };
    given.save(std::slice::from_ref(&later)).await;
    given
        .database
        .advance_clock(Duration::from_secs(7_000))
        .await;
    assert!(relay(&given, 10).await.unwrap().is_empty());
    given.database.advance_clock(Duration::from_secs(300)).await;
    assert_eq!(relay(&given, 10).await.unwrap()[0].id, later.id);
}
