//! Idempotency keys: one acceptance for each, whoever comes together, and nothing of another tenant.

use std::time::Duration;

use carillon_core::id::ServiceId;
use carillon_core::idempotency::{Fingerprint, Fingerprinting, IdempotencyKey, ScopedKey};
use carillon_core::task::SaveNotification;
use carillon_store::idempotency::{Accepted, KeyedNotification, accept, find, forget_expired};
use carillon_store::{Error, notification};
use futures::future::join_all;
use uuid::Uuid;

use crate::given::{Given, email, given};

pub fn key(text: &str) -> ScopedKey {
    ScopedKey {
        service_id: email().service_id,
        key: IdempotencyKey::parse(text.as_bytes()).expect("a key"),
    }
}

pub fn of(body: &str) -> Fingerprint {
    Fingerprinting::default().part(body.as_bytes()).finish()
}

/// A request whose answer is its own.
fn keyed(text: &str, body: &str) -> KeyedNotification {
    let notification = email();
    KeyedNotification {
        key: key(text),
        fingerprint: of(body),
        answer: notification.id.to_string().into_bytes(),
        notification,
    }
}

fn before(accepted: &Accepted) -> (Fingerprint, Vec<u8>) {
    match accepted {
        Accepted::New => panic!("it is new"),
        Accepted::Before(stored) => {
            let answer = stored.answer.clone().expect("it opens");
            (stored.fingerprint, answer)
        }
    }
}

impl Given {
    async fn n_notifications(&self) -> i64 {
        let count = "SELECT count(*) FROM notifications";
        self.database.number(count).await
    }

    async fn n_keys(&self) -> i64 {
        let count = "SELECT count(*) FROM idempotency_keys";
        self.database.number(count).await
    }
}

#[tokio::test]
async fn a_key_is_used_once_and_its_neighbours_are_accepted() {
    let given = given().await;
    let first = keyed("b", "body");
    let accepted = accept(&given, std::slice::from_ref(&first)).await.unwrap();
    assert_eq!(accepted, [Accepted::New]);
    let id = first.notification.id;
    assert_eq!(given.row(id).await, "created attempts=0 on-its-way");
    assert_eq!(given.timeline(id).await, ["accepted"]);

    let batch = [keyed("c", "body"), keyed("b", "other"), keyed("a", "body")];
    let accepted = accept(&given, &batch).await.unwrap();
    assert_eq!(
        (&accepted[0], &accepted[2]),
        (&Accepted::New, &Accepted::New)
    );
    assert_eq!(before(&accepted[1]), (of("body"), first.answer.clone()));
    assert_eq!(given.row(batch[1].notification.id).await, "gone");
    assert_eq!(given.n_notifications().await, 3);

    // Another service's key of the same name is another key.
    let elsewhere = ServiceId(Uuid::from_u128(9));
    let stranger = KeyedNotification {
        key: ScopedKey {
            service_id: elsewhere,
            ..key("b")
        },
        notification: SaveNotification {
            service_id: elsewhere,
            ..email()
        },
        ..keyed("b", "body")
    };
    assert_eq!(accept(&given, &[stranger]).await.unwrap(), [Accepted::New]);
    let found = find(&given, &[key("b"), key("unheard-of")]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[&key("b")].answer, Ok(first.answer));
}

#[tokio::test]
async fn of_many_at_once_one_is_accepted_and_the_others_get_its_answer() {
    let given = given().await;
    let requests: Vec<_> = (0..40).map(|_| keyed("k", "body")).collect();
    let all = requests
        .iter()
        .map(|request| accept(&given, std::slice::from_ref(request)));
    let all: Vec<_> = join_all(all)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let new: Vec<_> = std::iter::zip(&requests, &all)
        .filter(|(_, accepted)| accepted[0] == Accepted::New)
        .collect();
    let [(winner, _)] = new[..] else {
        panic!("{} were accepted", new.len())
    };
    for accepted in all.iter().filter(|accepted| accepted[0] != Accepted::New) {
        assert_eq!(before(&accepted[0]), (of("body"), winner.answer.clone()));
    }
    assert_eq!(given.n_notifications().await, 1);
}

#[tokio::test]
async fn whoever_comes_while_a_key_is_being_taken_does_not_wait_long() {
    let given = given().await;
    let other = given.database.client().await;
    let take = "BEGIN; INSERT INTO idempotency_keys VALUES \
        ('00000000-0000-0000-0000-000000000001', 'k', sha256(''), '', now(), now() + interval '1 day')";
    other.batch_execute(take).await.unwrap();
    let batch = [keyed("k", "body"), keyed("l", "body")];
    let began = std::time::Instant::now();
    let refused = accept(&given, &batch).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
    // Nothing of the batch is there; whoever died took the key with them.
    assert_eq!(given.n_notifications().await, 0);
    other.batch_execute("ROLLBACK").await.unwrap();
    let accepted = accept(&given, &batch).await.unwrap();
    assert_eq!(accepted, [Accepted::New, Accepted::New]);
}

#[tokio::test]
async fn nothing_is_kept_of_what_is_refused() {
    let given = given().await;
    let mut refused = keyed("k", "body");
    refused.notification.recipient = "a\0b".to_owned();
    let error = accept(&given, &[refused]).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(given.n_keys().await, 0);
    let accepted = accept(&given, &[keyed("k", "corrected")]).await;
    assert_eq!(accepted.unwrap(), [Accepted::New]);
}

#[tokio::test]
async fn a_day_without_a_partition_is_made() {
    let given = given().await;
    let mut far = keyed("k", "body");
    far.notification.id = crate::given::id_of_day(20);
    assert_eq!(accept(&given, &[far]).await.unwrap(), [Accepted::New]);
}

#[tokio::test]
async fn after_a_day_a_key_is_unknown_and_goes() {
    let given = given().await;
    let first = [keyed("a", "body"), keyed("b", "body"), keyed("c", "body")];
    accept(&given, &first).await.unwrap();
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    given.database.advance_clock(hours(23)).await;
    assert_eq!(forget_expired(&given, 10).await.unwrap(), 0);
    assert_eq!(find(&given, &[key("a")]).await.unwrap().len(), 1);

    given.database.advance_clock(hours(1)).await;
    assert_eq!(find(&given, &[key("a")]).await.unwrap().len(), 0);
    let again = keyed("a", "other");
    let accepted = accept(&given, std::slice::from_ref(&again)).await.unwrap();
    assert_eq!(accepted, [Accepted::New]);
    let found = find(&given, &[key("a")]).await.unwrap();
    assert_eq!(found[&key("a")].answer, Ok(again.answer));

    assert_eq!(forget_expired(&given, 1).await.unwrap(), 1);
    assert_eq!(forget_expired(&given, 10).await.unwrap(), 1);
    assert_eq!(given.n_keys().await, 1);
}

#[tokio::test]
async fn an_answer_is_sealed_and_one_that_does_not_open_harms_no_other() {
    let given = given().await;
    let first = keyed("a", "body");
    let answer = first.answer.clone();
    accept(&given, &[first]).await.unwrap();
    let client = given.database.client().await;
    let row = client
        .query_one("SELECT sealed_answer FROM idempotency_keys", &[])
        .await
        .unwrap();
    let sealed: Vec<u8> = row.get(0);
    assert!(!sealed.windows(answer.len()).any(|bytes| bytes == answer));

    let other = crate::given::store(&given.database.url, &[vec![8; 32]]);
    accept(&other, &[keyed("b", "body")]).await.unwrap();
    let found = find(&given, &[key("a"), key("b")]).await.unwrap();
    assert_eq!(found[&key("a")].answer, Ok(answer));
    assert!(found[&key("b")].answer.is_err());
}

#[tokio::test]
async fn what_has_a_key_is_claimed_like_any_other() {
    let given = given().await;
    let mut scheduled = keyed("s", "body");
    scheduled.notification.scheduled_for =
        Some(carillon_core::clock::now() + chrono::Duration::hours(1));
    let batch = [keyed("k", "body"), scheduled];
    accept(&given, &batch).await.unwrap();
    let ids = [batch[0].notification.id, batch[1].notification.id];
    let claimed = notification::claim(&given, &ids, Uuid::new_v4(), crate::given::LEASE).await;
    let claimed: Vec<_> = claimed.unwrap().iter().map(|claimed| claimed.id).collect();
    assert_eq!(claimed, [ids[0]]);
    assert!(given.row(ids[1]).await.contains("waits=scheduled"));
}
