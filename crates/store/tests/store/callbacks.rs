//! Callback events: on their way or waiting, claimed before a call, marked after it.

use std::time::Duration;

use carillon_core::id::{self, CallbackEventId, CallbackId, NotificationId};
use carillon_core::queue::Queue;
use carillon_core::webhook::{Breaker, CallOutcome, CallWait};
use carillon_store::callback::{
    CallResult, ClaimedCall, claim, drop_unwanted, hold, mark, relay, rescue_fallen, rescue_lost,
};
use carillon_store::{health, service, watermark};
use carillon_test_support::eventually;
use uuid::Uuid;

use crate::given::{self, Given, LEASE, given};

const WINDOW: u32 = 100;
const PATIENCE: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(90);

/// An endpoint of a service of its own, and a saved message of it.
struct Endpoint {
    id: CallbackId,
    notification_id: NotificationId,
}

async fn endpoint(given: &Given) -> Endpoint {
    let service = given::service(&format!("service {}", Uuid::new_v4()));
    service::create(given, &service, "GOVUK")
        .await
        .expect("it is new");
    let mut email = given::email();
    email.service_id = service.id;
    email.reference = Some("order 7".to_owned());
    given.save(&[email.clone()]).await;
    let id = CallbackId(id::mint());
    let sealer = carillon_store::seal::Sealer::new(&[vec![7; 32]]).expect("32 bytes");
    let seal = |text: &[u8]| {
        let sealed = sealer.seal(id.0.as_bytes(), text).expect("there is a key");
        sealed
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    let insert = format!(
        "INSERT INTO service_callbacks (id, service_id, kind, url, sealed_token, sealed_secrets)
         VALUES ('{id}', '{}', 'delivery-status', 'https://example.org/hook', '\\x{}', '\\x{}')",
        service.id,
        seal(b"the token"),
        seal(br#"["whsec_new","whsec_old"]"#),
    );
    given.database.execute(&insert).await;
    Endpoint {
        id,
        notification_id: email.id,
    }
}

impl Endpoint {
    /// Writes events that are due.
    async fn events(&self, given: &Given, n: usize) -> Vec<CallbackEventId> {
        let query = format!(
            "INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
                feedback, occurred_at, due_at, wait_reason)
             SELECT derived_id(n.id, '/' || seq), k.id, k.service_id, n.id, k.kind,
                'permanent-failure', 'general', carillon_now(), carillon_now(), 'new'
             FROM service_callbacks k, notifications n, generate_series(1, {n}) seq
             WHERE k.id = '{}' AND n.id = '{}'
             RETURNING id::text",
            self.id, self.notification_id
        );
        let client = given.database.client().await;
        let rows = client.query(&query, &[]).await.expect("the query is right");
        let text = rows.iter().map(|row| row.get::<_, &str>(0));
        text.map(|id| id.parse().expect("a UUID")).collect()
    }

    /// One event, relayed.
    async fn on_its_way(&self, given: &Given) -> CallbackEventId {
        let ids = self.events(given, 1).await;
        assert_eq!(relayed(given).await, ids);
        ids[0]
    }

    /// One event, claimed.
    async fn claimed(&self, given: &Given) -> (ClaimedCall, Uuid) {
        let id = self.on_its_way(given).await;
        self.claim(given, id).await.expect("it is claimable")
    }

    async fn claim(&self, given: &Given, id: CallbackEventId) -> Option<(ClaimedCall, Uuid)> {
        let token = Uuid::new_v4();
        let claimed = claim(given, &[(self.id, id)], token, LEASE).await;
        Some((claimed.expect("PostgreSQL answers").pop()?, token))
    }

    /// Its breaker and whether it is active, in words.
    async fn state(&self, given: &Given) -> String {
        let query = format!(
            "SELECT concat_ws(' ', CASE WHEN active THEN 'active' ELSE disabled_reason END,
                'failures=' || n_failures,
                'paused=' || round(extract(epoch FROM paused_until - carillon_now())))
             FROM service_callbacks WHERE id = '{}'",
            self.id
        );
        let client = given.database.client().await;
        client
            .query_one(&query, &[])
            .await
            .expect("it is there")
            .get(0)
    }
}

async fn relayed(given: &Given) -> Vec<CallbackEventId> {
    let relayed = relay(given, WINDOW).await.expect("PostgreSQL answers");
    relayed.into_iter().map(|event| event.id).collect()
}

async fn state(given: &Given, id: CallbackEventId) -> String {
    let query = format!(
        "SELECT concat_ws(' ', outcome, 'attempts=' || attempts, queue,
            CASE WHEN dispatched_at IS NOT NULL THEN 'on-its-way' END,
            CASE WHEN lease_token IS NOT NULL THEN 'leased' END,
            'waits=' || wait_reason,
            'for=' || round(extract(epoch FROM due_at - carillon_now())),
            'status=' || last_http_status, 'error=' || last_error)
         FROM callback_events WHERE id = '{id}'"
    );
    let client = given.database.client().await;
    client
        .query_one(&query, &[])
        .await
        .expect("it is there")
        .get(0)
}

/// The attempts on record, in words.
async fn attempts(given: &Given, id: CallbackEventId) -> Vec<String> {
    let query = format!(
        "SELECT concat_ws(' ', attempt, http_status, error) FROM callback_attempts
         WHERE event_id = '{id}' ORDER BY attempt"
    );
    let client = given.database.client().await;
    let rows = client.query(&query, &[]).await.expect("the query is right");
    rows.iter().map(|row| row.get(0)).collect()
}

fn delivered((row, token): &(ClaimedCall, Uuid)) -> CallResult {
    CallResult {
        id: row.id,
        callback_id: row.callback_id,
        token: *token,
        attempt: row.attempts,
        outcome: Some(CallOutcome::Delivered),
        retry_after: None,
        http_status: Some(204),
        error: None,
        duration: Duration::from_millis(3),
        has_failed: Some(false),
    }
}

fn failed(claimed: &(ClaimedCall, Uuid)) -> CallResult {
    CallResult {
        outcome: None,
        retry_after: Some(Duration::from_secs(300)),
        http_status: Some(503),
        has_failed: Some(true),
        ..delivered(claimed)
    }
}

fn gone(claimed: &(ClaimedCall, Uuid)) -> CallResult {
    CallResult {
        outcome: Some(CallOutcome::Disabled),
        http_status: Some(410),
        ..delivered(claimed)
    }
}

#[tokio::test]
async fn an_event_is_relayed_claimed_with_all_a_call_needs_and_marked() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    assert_eq!(state(&given, id).await, "attempts=0 callbacks on-its-way");

    let claimed = endpoint.claim(&given, id).await.unwrap();
    assert_eq!(
        state(&given, id).await,
        "attempts=1 callbacks on-its-way leased"
    );
    let row = &claimed.0;
    assert_eq!(row.url, "https://example.org/hook");
    let credentials = row.credentials(&given).unwrap();
    assert_eq!(credentials.token, "the token");
    assert_eq!(credentials.secrets, ["whsec_new", "whsec_old"]);
    let body: serde_json::Value = serde_json::from_slice(&row.change().body()).unwrap();
    assert_eq!(body["to"], "Ada@Example.org");
    assert_eq!(body["reference"], "order 7");
    assert_eq!(body["provider_response"], "general");

    let touched = mark(&given, &[delivered(&claimed)]).await.unwrap();
    assert_eq!(touched, []);
    assert_eq!(
        state(&given, id).await,
        "delivered attempts=1 callbacks status=204"
    );
    assert_eq!(attempts(&given, id).await, ["1 204"]);
    assert!(endpoint.claim(&given, id).await.is_none());
}

#[tokio::test]
async fn a_failed_call_waits_its_turn_and_comes_back_through_the_retry_queue() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let claimed = endpoint.claimed(&given).await;
    let id = claimed.0.id;
    mark(&given, &[failed(&claimed)]).await.unwrap();
    assert_eq!(
        state(&given, id).await,
        "attempts=1 callbacks waits=retry for=300 status=503"
    );
    assert!(relayed(&given).await.is_empty());
    given.database.advance_clock(Duration::from_secs(301)).await;
    let relayed = relay(&given, WINDOW).await.unwrap();
    assert_eq!(
        (relayed[0].id, relayed[0].queue),
        (id, Queue::CallbacksRetry)
    );
    let again = endpoint.claim(&given, id).await.unwrap();
    assert_eq!(again.0.attempts, 2);
    mark(&given, &[delivered(&again)]).await.unwrap();
    assert_eq!(attempts(&given, id).await, ["1 503", "2 204"]);
}

#[tokio::test]
async fn a_claim_may_be_repeated_with_its_token_and_not_with_another() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let (row, token) = endpoint.claimed(&given).await;
    let again = claim(&given, &[(endpoint.id, row.id)], token, LEASE)
        .await
        .unwrap();
    assert_eq!(again[0].attempts, 1);
    assert!(endpoint.claim(&given, row.id).await.is_none());
}

#[tokio::test]
async fn a_result_whose_lease_was_taken_away_is_on_record_and_decides_nothing() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let first = endpoint.claimed(&given).await;
    let id = first.0.id;
    given.database.advance_clock(LEASE * 2).await;
    assert_eq!(rescue_lost(&given, 10).await.unwrap(), ["callbacks"]);
    assert_eq!(
        state(&given, id).await,
        "attempts=1 callbacks waits=lease-expired for=0"
    );
    assert_eq!(relayed(&given).await, [id]);
    let second = endpoint.claim(&given, id).await.unwrap();

    mark(&given, &[delivered(&first)]).await.unwrap();
    assert_eq!(
        state(&given, id).await,
        "attempts=2 callbacks-retry on-its-way leased"
    );
    mark(&given, &[failed(&second)]).await.unwrap();
    mark(&given, &[failed(&second)]).await.unwrap();
    assert_eq!(attempts(&given, id).await, ["1 204", "2 503"]);
}

#[tokio::test]
async fn no_more_are_on_their_way_than_the_window_has_room_for() {
    let given = given().await;
    let (one, other) = (endpoint(&given).await, endpoint(&given).await);
    one.events(&given, 10).await;
    other.events(&given, 2).await;
    let first = relay(&given, 4).await.unwrap();
    let of = |endpoint: &Endpoint| {
        first
            .iter()
            .filter(|e| e.callback_id == endpoint.id)
            .count()
    };
    assert_eq!((of(&one), of(&other)), (4, 2));
    assert!(relay(&given, 4).await.unwrap().is_empty());
    let done = first.iter().find(|e| e.callback_id == one.id).unwrap().id;
    let claimed = one.claim(&given, done).await.unwrap();
    mark(&given, &[delivered(&claimed)]).await.unwrap();
    assert_eq!(relay(&given, 4).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone_and_then_probed_with_one() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    endpoint.events(&given, 20).await;
    let mut batch = Vec::new();
    for event in relay(&given, 8).await.unwrap() {
        batch.push(failed(&endpoint.claim(&given, event.id).await.unwrap()));
    }
    let touched = mark(&given, &batch).await.unwrap();
    assert_eq!((touched[0].id, touched[0].is_active), (endpoint.id, true));
    assert_eq!(touched[0].paused_for, Duration::from_secs(10));
    assert_eq!(endpoint.state(&given).await, "active failures=5 paused=10");
    assert!(relayed(&given).await.is_empty());

    given.database.advance_clock(Duration::from_secs(11)).await;
    let probe = relayed(&given).await;
    assert_eq!(probe.len(), 1);
    assert!(relayed(&given).await.is_empty());
    let claimed = endpoint.claim(&given, probe[0]).await.unwrap();
    let touched = mark(&given, &[delivered(&claimed)]).await.unwrap();
    assert_eq!(touched[0].paused_for, Duration::ZERO);
    assert_eq!(endpoint.state(&given).await, "active failures=0");
    assert_eq!(relayed(&given).await.len(), 11);
}

#[tokio::test]
async fn the_statement_moves_the_breaker_as_core_says() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let (row, token) = endpoint.claimed(&given).await;
    let (mut breaker, mut now) = (Breaker::default(), Duration::ZERO);
    // So many failed, somebody answered, seconds passed before.
    let batches = [
        (3, false, 0),
        (1, true, 1),
        (4, false, 1),
        (1, false, 1),
        (9, false, 2),
        (1, false, 10),
        (0, false, 1),
        (16, false, 21),
        (1, false, 41),
        (1, false, 81),
        (1, false, 161),
        (1, false, 321),
        (1, false, 601),
        (2, false, 601),
        (2, true, 5),
        (1, false, 1),
    ];
    for (n_failed, has_answered, later) in batches {
        now += Duration::from_secs(later);
        given
            .database
            .advance_clock(Duration::from_secs(later))
            .await;
        let mut batch: Vec<_> = (0..n_failed)
            .map(|n| CallResult {
                attempt: n,
                ..failed(&(row.clone(), token))
            })
            .collect();
        if has_answered {
            batch.push(CallResult {
                attempt: 99,
                ..delivered(&(row.clone(), token))
            });
        }
        batch.push(CallResult {
            attempt: 98,
            has_failed: None,
            ..failed(&(row.clone(), token))
        });
        mark(&given, &batch).await.unwrap();
        breaker = breaker.on(n_failed.unsigned_abs(), has_answered, now);
        let state = endpoint.state(&given).await;
        let expected = format!("active failures={}", breaker.n_failures);
        let pause = breaker
            .paused_until
            .map(|until| until.as_secs_f64() - now.as_secs_f64());
        let found = state
            .split_once(" paused=")
            .map_or((&*state, None), |(head, pause)| {
                (head, Some(pause.parse::<f64>().expect("a number")))
            });
        assert_eq!(found.0, expected);
        assert_eq!(found.1.is_some(), pause.is_some(), "{state} {pause:?}");
        if let (Some(found), Some(pause)) = (found.1, pause) {
            assert!((found - pause).abs() <= 5.0, "{state} {pause}");
        }
    }
}

#[tokio::test]
async fn gone_ends_the_callback_and_all_that_waits_for_it() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let ids = endpoint.events(&given, 3).await;
    let relayed = relay(&given, 2).await.unwrap();
    let claimed = endpoint.claim(&given, relayed[0].id).await.unwrap();
    let touched = mark(&given, &[gone(&claimed)]).await.unwrap();
    assert!(!touched[0].is_active);
    assert_eq!(endpoint.state(&given).await, "gone failures=0");
    // On its way: completed instead of called.
    assert!(endpoint.claim(&given, relayed[1].id).await.is_none());
    // Waiting: never relayed, and swept.
    assert!(relay(&given, 2).await.unwrap().is_empty());
    assert_eq!(drop_unwanted(&given, 10).await.unwrap(), 1);
    assert_eq!(drop_unwanted(&given, 10).await.unwrap(), 0);
    for id in ids {
        assert!(state(&given, id).await.starts_with("disabled attempts="));
    }
}

#[tokio::test]
async fn nothing_is_told_to_a_service_that_is_not_active() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    let suspend = format!(
        "UPDATE services SET active = false
         WHERE id = (SELECT service_id FROM service_callbacks WHERE id = '{}')",
        endpoint.id
    );
    given.database.execute(&suspend).await;
    assert!(endpoint.claim(&given, id).await.is_none());
    assert_eq!(state(&given, id).await, "disabled attempts=0 callbacks");
}

#[tokio::test]
async fn what_is_held_waits_with_its_reason_and_what_is_leased_is_not_held() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    let wait = Duration::from_secs(2);
    assert_eq!(
        hold(&given, &[id], CallWait::BrokerAway, wait)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        hold(&given, &[id], CallWait::BrokerAway, wait)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        state(&given, id).await,
        "attempts=0 callbacks waits=broker-away for=2"
    );
    assert!(endpoint.claim(&given, id).await.is_none(), "it waits");
    given.database.advance_clock(wait * 2).await;
    assert_eq!(relayed(&given).await, [id]);
    endpoint.claim(&given, id).await.unwrap();
    assert_eq!(
        hold(&given, &[id], CallWait::GivenBack, wait)
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn an_event_behind_its_lane_s_watermark_less_the_grace_is_rescued_once() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    given
        .database
        .advance_clock(GRACE - Duration::from_secs(5))
        .await;
    let now = health::now(&given).await.unwrap();
    watermark::record(&given, Queue::Callbacks, now)
        .await
        .unwrap();
    assert!(rescue_fallen(&given, GRACE, 10).await.unwrap().is_empty());
    given.database.advance_clock(Duration::from_secs(10)).await;
    let now = health::now(&given).await.unwrap();
    watermark::record(&given, Queue::CallbacksRetry, now)
        .await
        .unwrap();
    assert!(rescue_fallen(&given, GRACE, 10).await.unwrap().is_empty());
    watermark::record(&given, Queue::Callbacks, now)
        .await
        .unwrap();
    assert_eq!(
        rescue_fallen(&given, GRACE, 10).await.unwrap(),
        ["callbacks"]
    );
    assert!(rescue_fallen(&given, GRACE, 10).await.unwrap().is_empty());
    assert_eq!(
        state(&given, id).await,
        "attempts=0 callbacks waits=fell-out for=0"
    );
}

#[tokio::test]
async fn a_claim_touches_no_index_while_relay_and_mark_do() {
    const N: i64 = 200;
    let given = given().await;
    let endpoint = endpoint(&given).await;
    // Room enough on every page, so that only an index can be in the way.
    let partitions = "SELECT string_agg(format('ALTER TABLE %s SET (fillfactor = 20)', relid), ';')
        FROM pg_partition_tree('callback_events') WHERE isleaf";
    let client = given.database.client().await;
    let alter: String = client.query_one(partitions, &[]).await.unwrap().get(0);
    client.batch_execute(&alter).await.unwrap();
    endpoint.events(&given, N as usize).await;
    let relayed = relay(&given, N as u32).await.unwrap();
    let events: Vec<_> = relayed.iter().map(|e| (e.callback_id, e.id)).collect();
    let token = Uuid::new_v4();
    let rows = claim(&given, &events, token, LEASE).await.unwrap();
    let results: Vec<_> = rows
        .into_iter()
        .map(|row| delivered(&(row, token)))
        .collect();
    assert_eq!(results.len(), N as usize);
    mark(&given, &results).await.unwrap();
    let hot = format!(
        "SELECT sum(n_tup_hot_upd)::bigint FROM pg_stat_user_tables
         WHERE relname LIKE 'callback_events_%' HAVING sum(n_tup_upd) = {}",
        3 * N
    );
    let n_hot: i64 = eventually("the statistics are reported", PATIENCE, async || {
        let row = client
            .query_opt(&hot, &[])
            .await
            .expect("the query is right");
        row.map(|row| row.get(0))
    })
    .await;
    assert_eq!(n_hot, N);
}
