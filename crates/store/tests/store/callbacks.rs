//! Callback events: on their way or waiting, claimed before a call, marked after it.

mod breaker;
mod life;
mod rescue;
mod unwanted;
mod version;
mod window;

use std::time::Duration;

use carillon_core::id::{self, CallbackEventId, CallbackId, NotificationId};
use carillon_core::webhook::CallOutcome;
use carillon_store::callback::{CallResult, ClaimedCall, claim, relay};
use carillon_store::service;
use uuid::Uuid;

use crate::given::{self, Given, LEASE};

/// Of an endpoint that has not been called yet a hundred may be on their way.
const SLOTS: u32 = 25;

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
             SELECT derived_id(n.id, '/' || seq || gen_random_uuid()), k.id, k.service_id, n.id, k.kind,
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

    /// Sets columns of its row.
    async fn set(&self, given: &Given, columns: &str) {
        let set = format!(
            "UPDATE service_callbacks SET {columns} WHERE id = '{}'",
            self.id
        );
        given.database.execute(&set).await;
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
    let relayed = relay(given, SLOTS).await.expect("PostgreSQL answers");
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
        version: row.version,
        token: *token,
        attempt: row.attempts,
        outcome: Some(CallOutcome::Delivered),
        retry_after: None,
        http_status: Some(204),
        error: None,
        duration: Duration::from_millis(100),
        has_failed: Some(false),
        asked: None,
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

fn put_off(claimed: &(ClaimedCall, Uuid), asked: Duration) -> CallResult {
    CallResult {
        outcome: None,
        retry_after: Some(asked),
        http_status: Some(429),
        has_failed: None,
        asked: Some(asked),
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
