//! Callbacks as people manage them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carillon_core::id::{CallbackEventId, CallbackId, ServiceId};
use carillon_core::webhook::{CallOutcome, CallbackKind};
use carillon_store::callback::management::{
    self, Callback, Changes, NewCallback, Progress, Which, create, credentials, events, health,
    list, read, remove, replay, retire_secret, rotate_secret, update,
};
use carillon_store::callback::{claim, drop_unwanted};
use carillon_store::{Error, health as health_of, service, wake};
use carillon_test_support::eventually;

use crate::given::{self, Given, given};

const TOKEN: &str = "the-bearer-token";
const PATIENCE: Duration = Duration::from_secs(20);

async fn tenant(given: &Given, name: &str) -> ServiceId {
    let service = given::service(name);
    service::create(given, &service, "GOVUK")
        .await
        .expect("it is new");
    service.id
}

fn new(service_id: ServiceId) -> NewCallback {
    NewCallback {
        service_id,
        kind: CallbackKind::DeliveryStatus,
        url: "https://example.org/hook".to_owned(),
        bearer_token: TOKEN.to_owned(),
        secret: "whsec_first".to_owned(),
    }
}

async fn registered(given: &Given) -> Callback {
    let service_id = tenant(given, "one").await;
    create(given, &new(service_id)).await.expect("it is new")
}

/// Writes events in the states that are named, and returns their ids.
async fn told(
    given: &Given,
    of: &Callback,
    outcomes: &[Option<CallOutcome>],
) -> Vec<CallbackEventId> {
    let mut ids = Vec::new();
    for outcome in outcomes {
        let id = CallbackEventId(carillon_core::id::mint());
        let (state, values) = match outcome {
            Some(outcome) => (
                "outcome, completed_at",
                format!("'{outcome}', carillon_now()"),
            ),
            None => ("due_at, wait_reason", "carillon_now(), 'new'".to_owned()),
        };
        let insert = format!(
            "INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
                occurred_at, attempts, {state})
             VALUES ('{id}', '{}', '{}', '{id}', '{}', 'delivered', carillon_now(), 12, {values})",
            of.id, of.service_id, of.kind
        );
        given.database.execute(&insert).await;
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn a_service_has_one_callback_of_a_kind_and_its_secrets_are_sealed() {
    let given = given().await;
    let callback = registered(&given).await;
    let twice = create(&given, &new(callback.service_id)).await;
    assert!(matches!(twice, Err(Error::Conflict { .. })), "{twice:?}");
    let listed = list(&given, callback.service_id).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&callback));
    let opened = credentials(&given, callback.service_id, callback.id)
        .await
        .unwrap();
    assert_eq!(opened.token, TOKEN);
    assert_eq!(opened.secrets, ["whsec_first"]);
    let in_the_clear = format!(
        "SELECT count(*) FROM service_callbacks WHERE position('{TOKEN}'::bytea IN sealed_token) > 0
            OR position('whsec_first'::bytea IN sealed_secrets) > 0"
    );
    assert_eq!(given.database.number(&in_the_clear).await, 0);
}

#[tokio::test]
async fn another_service_has_no_part_in_a_callback() {
    let given = given().await;
    let callback = registered(&given).await;
    let other = tenant(&given, "two").await;
    let refused = [
        read(&given, other, callback.id).await.err(),
        update(&given, other, callback.id, &Changes::default())
            .await
            .err(),
        rotate_secret(&given, other, callback.id, "whsec_x")
            .await
            .err(),
        remove(&given, other, callback.id).await.err(),
        credentials(&given, other, callback.id).await.err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(Error::Gone)), "{error:?}");
    }
    assert!(list(&given, other).await.unwrap().is_empty());
}

#[tokio::test]
async fn at_most_two_secrets_sign_and_the_newest_comes_first() {
    let given = given().await;
    let Callback { id, service_id, .. } = registered(&given).await;
    let secrets = async || credentials(&given, service_id, id).await.unwrap().secrets;
    rotate_secret(&given, service_id, id, "whsec_second")
        .await
        .unwrap();
    assert_eq!(secrets().await, ["whsec_second", "whsec_first"]);
    rotate_secret(&given, service_id, id, "whsec_third")
        .await
        .unwrap();
    assert_eq!(secrets().await, ["whsec_third", "whsec_second"]);
    for _ in 0..2 {
        retire_secret(&given, service_id, id).await.unwrap();
        assert_eq!(secrets().await, ["whsec_third"]);
    }
}

#[tokio::test]
async fn a_new_start_forgets_failures_and_why_it_was_not_called() {
    let given = given().await;
    let Callback { id, service_id, .. } = registered(&given).await;
    let fail = format!(
        "UPDATE service_callbacks SET active = false, disabled_reason = 'gone', n_failures = 9,
            paused_until = carillon_now() + interval '1 hour' WHERE id = '{id}'"
    );
    given.database.execute(&fail).await;
    let on = Changes {
        active: Some(true),
        ..Changes::default()
    };
    let callback = update(&given, service_id, id, &on).await.unwrap();
    assert!(callback.active);
    assert_eq!(
        (
            callback.disabled_reason,
            callback.n_failures,
            callback.paused_until
        ),
        (None, 0, None)
    );
    let off = Changes {
        active: Some(false),
        bearer_token: Some("another-token".to_owned()),
        ..Changes::default()
    };
    let callback = update(&given, service_id, id, &off).await.unwrap();
    assert_eq!(callback.disabled_reason.as_deref(), Some("switched-off"));
    let opened = credentials(&given, service_id, id).await.unwrap();
    assert_eq!(opened.token, "another-token");
}

#[tokio::test]
async fn events_are_paged_and_filtered_by_how_they_ended() {
    let given = given().await;
    let callback = registered(&given).await;
    let states = [
        Some(CallOutcome::Delivered),
        Some(CallOutcome::Exhausted),
        None,
        Some(CallOutcome::Refused),
    ];
    let ids = told(&given, &callback, &states).await;
    let (service_id, id) = (callback.service_id, callback.id);
    let page = async |progress, older_than, limit| {
        let page = events(&given, service_id, id, progress, older_than, limit).await;
        page.unwrap()
            .iter()
            .map(|event| event.id)
            .collect::<Vec<_>>()
    };
    let newest_first: Vec<_> = ids.iter().rev().copied().collect();
    assert_eq!(page(Progress::Any, None, 10).await, newest_first);
    assert_eq!(page(Progress::Any, None, 3).await, newest_first[..3]);
    assert_eq!(page(Progress::Any, Some(ids[1]), 3).await, ids[..1]);
    assert_eq!(page(Progress::Pending, None, 10).await, [ids[2]]);
    assert_eq!(page(Progress::Failed, None, 10).await, [ids[3], ids[1]]);
    let delivered = Progress::Ended(CallOutcome::Delivered);
    assert_eq!(page(delivered, None, 10).await, [ids[0]]);
    let health = health(&given, id).await.unwrap();
    assert_eq!((health.n_waiting, health.n_on_their_way), (1, 0));
    assert!(health.oldest_due_at.is_some());
}

#[tokio::test]
async fn only_what_has_ended_is_told_again_and_from_the_first_step() {
    let given = given().await;
    let callback = registered(&given).await;
    let (service_id, id) = (callback.service_id, callback.id);
    let states = [
        Some(CallOutcome::Delivered),
        Some(CallOutcome::Exhausted),
        None,
    ];
    let ids = told(&given, &callback, &states).await;
    let at = health_of::now(&given).await.unwrap() - Duration::from_secs(60);
    let since = |only_failed| Which::Since { at, only_failed };
    let n = replay(&given, service_id, id, &since(true)).await.unwrap();
    assert_eq!(n, 1);
    let event = management::event(&given, ids[1]).await.unwrap();
    assert_eq!((event.outcome, event.attempts), (None, 12));
    assert_eq!(event.wait_reason.as_deref(), Some("new"));
    let before = "SELECT count(*) FROM callback_events WHERE attempts_before_replay = 12";
    assert_eq!(given.database.number(before).await, 1);

    // It goes on already, so of all named ones only the delivered one is told again.
    let named = Which::Events(ids.clone());
    let n = replay(&given, service_id, id, &named).await.unwrap();
    assert_eq!(n, 1);
    let n = replay(&given, service_id, id, &since(false)).await.unwrap();
    assert_eq!(n, 0);
    let elsewhere = CallbackId(carillon_core::id::mint());
    let n = replay(&given, service_id, elsewhere, &named).await.unwrap();
    assert_eq!(n, 0);
}

#[tokio::test]
async fn what_a_removed_callback_was_not_told_ends_and_the_rest_stays_on_record() {
    let given = given().await;
    let callback = registered(&given).await;
    let (service_id, id) = (callback.service_id, callback.id);
    let ids = told(
        &given,
        &callback,
        &[Some(CallOutcome::Delivered), None, None],
    )
    .await;
    let on_its_way = format!(
        "UPDATE callback_events SET due_at = NULL, wait_reason = NULL, dispatched_at = carillon_now()
         WHERE id = '{}'",
        ids[2]
    );
    given.database.execute(&on_its_way).await;
    remove(&given, service_id, id).await.unwrap();
    let gone = remove(&given, service_id, id).await;
    assert!(matches!(gone, Err(Error::Gone)), "{gone:?}");
    // As the poller does, and the worker to which the one on its way comes.
    assert_eq!(drop_unwanted(&given, 10).await.unwrap(), 1);
    let token = uuid::Uuid::new_v4();
    let claimed = claim(&given, &[(id, ids[2])], token, given::LEASE).await;
    assert!(claimed.unwrap().is_empty());
    let kept = events(&given, service_id, id, Progress::Any, None, 10)
        .await
        .unwrap();
    let outcomes: Vec<_> = kept.iter().map(|event| event.outcome).collect();
    let disabled = Some(CallOutcome::Disabled);
    assert_eq!(outcomes, [disabled, disabled, Some(CallOutcome::Delivered)]);
}

/// Moves the time at which an event was written, and at which its change happened by the provider.
async fn move_times(given: &Given, id: CallbackEventId, written_h: i32, occurred_h: i32) {
    let set = format!(
        "UPDATE callback_events SET written_at = carillon_now() - {written_h} * interval '1 hour',
            occurred_at = carillon_now() - {occurred_h} * interval '1 hour' WHERE id = '{id}'"
    );
    given.database.execute(&set).await;
}

#[tokio::test]
async fn a_replay_since_a_time_goes_by_when_we_learnt_of_a_change() {
    let given = given().await;
    let callback = registered(&given).await;
    let states = [Some(CallOutcome::Exhausted); 3];
    let ids = told(&given, &callback, &states).await;
    // Reported late, in time, and by a provider whose clock is ahead.
    move_times(&given, ids[0], 1, 5).await;
    move_times(&given, ids[1], 3, 3).await;
    move_times(&given, ids[2], 3, -1).await;
    let at = health_of::now(&given).await.unwrap() - Duration::from_secs(2 * 3_600);
    let only_failed = true;
    let since = Which::Since { at, only_failed };
    let (service_id, id) = (callback.service_id, callback.id);
    assert_eq!(replay(&given, service_id, id, &since).await.unwrap(), 1);
    let event = management::event(&given, ids[0]).await.unwrap();
    assert_eq!(event.outcome, None);
}

#[tokio::test]
async fn an_event_knows_when_it_was_written_and_one_from_before_that_goes_by_its_change() {
    let given = given().await;
    let callback = registered(&given).await;
    let ids = told(&given, &callback, &[Some(CallOutcome::Refused); 2]).await;
    let fresh = "SELECT count(*) FROM callback_events WHERE carillon_now() - written_at < interval '1 minute'";
    assert_eq!(given.database.number(fresh).await, 2);
    move_times(&given, ids[0], 0, 5).await;
    move_times(&given, ids[1], 0, 1).await;
    let forget = "UPDATE callback_events SET written_at = NULL";
    given.database.execute(forget).await;
    let at = health_of::now(&given).await.unwrap() - Duration::from_secs(2 * 3_600);
    let only_failed = false;
    let since = Which::Since { at, only_failed };
    let (service_id, id) = (callback.service_id, callback.id);
    assert_eq!(replay(&given, service_id, id, &since).await.unwrap(), 1);
    let again = management::event(&given, ids[1]).await.unwrap();
    assert_eq!(again.outcome, None);
}

#[tokio::test]
async fn what_is_rare_among_thousands_is_found_and_replayed() {
    let given = given().await;
    let callback = registered(&given).await;
    let rare = told(&given, &callback, &[Some(CallOutcome::Exhausted)]).await;
    let many = format!(
        "INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
            occurred_at, outcome, completed_at)
         SELECT derived_id('{}', n::text), '{}', '{}', '{}', 'delivery-status', 'delivered',
            carillon_now(), 'delivered', carillon_now()
         FROM generate_series(1, 11000) n",
        rare[0], callback.id, callback.service_id, rare[0]
    );
    given.database.execute(&many).await;
    let (service_id, id) = (callback.service_id, callback.id);
    let failed = events(&given, service_id, id, Progress::Failed, None, 10).await;
    let failed: Vec<_> = failed.unwrap().iter().map(|event| event.id).collect();
    assert_eq!(failed, rare);
    let delivered = Progress::Ended(CallOutcome::Delivered);
    let page = events(&given, service_id, id, delivered, None, 6_000).await;
    assert_eq!(page.unwrap().len(), 6_000);
    let at = health_of::now(&given).await.unwrap() - Duration::from_secs(3_600);
    let only_failed = true;
    let since = Which::Since { at, only_failed };
    assert_eq!(replay(&given, service_id, id, &since).await.unwrap(), 1);
}

#[tokio::test]
async fn a_replay_and_a_new_start_wake_the_poller() {
    let given = given().await;
    let callback = registered(&given).await;
    let (service_id, id) = (callback.service_id, callback.id);
    let ids = told(&given, &callback, &[Some(CallOutcome::Exhausted)]).await;
    let woken = AtomicUsize::new(0);
    let listening = wake::listen(&given, wake::Channel::CallbackEvents, || {
        woken.fetch_add(1, Ordering::SeqCst);
    });
    let until = async |n: usize| {
        eventually("somebody is woken", PATIENCE, async || {
            (woken.load(Ordering::SeqCst) == n).then_some(())
        })
        .await;
    };
    let acting = async {
        until(1).await;
        let named = Which::Events(ids);
        assert_eq!(replay(&given, service_id, id, &named).await.unwrap(), 1);
        until(2).await;
        let on = Changes {
            active: Some(true),
            ..Changes::default()
        };
        update(&given, service_id, id, &on).await.unwrap();
        until(3).await;
    };
    tokio::select! {
        result = listening => panic!("{result:?}"),
        () = acting => {}
    }
}
