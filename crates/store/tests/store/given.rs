//! What tests start from, and how they look at what came of it.

use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{self, ApiKeyId, NotificationId, ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::notification::Status;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_core::service::{Service, USUAL_RETENTION_DAYS};
use carillon_core::task::SaveNotification;
use carillon_core::timeline::TimelineEvent;
use carillon_store::notification::{self, Marking};
use carillon_store::seal::Sealer;
use carillon_store::{Options, Store};
use carillon_test_support::TestDatabase;
use serde_json::json;
use uuid::Uuid;

/// A database and a store of it. Dereferences to the store.
pub struct Given {
    pub database: TestDatabase,
    pub store: Store,
}

impl std::ops::Deref for Given {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// A fresh, migrated database.
pub async fn given() -> Given {
    of(TestDatabase::create().await)
}

pub fn of(database: TestDatabase) -> Given {
    let store = store(&database.url, &[vec![7; 32]]);
    Given { database, store }
}

pub fn store(url: &str, keys: &[Vec<u8>]) -> Store {
    Store::new(&Options {
        url: url.to_owned(),
        max_connections: 8,
        statement_timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(10),
        application_name: "test".to_owned(),
        sealer: Sealer::new(keys).expect("the keys are 32 bytes long"),
    })
    .expect("the URL of a test database can be read")
}

pub const LEASE: Duration = Duration::from_secs(30);

/// An accepted e-mail of some service.
pub fn email() -> SaveNotification {
    SaveNotification {
        id: NotificationId::mint(),
        service_id: ServiceId(Uuid::from_u128(1)),
        api_key_id: Some(ApiKeyId(Uuid::from_u128(2))),
        key_type: KeyType::Normal,
        channel: Channel::Email,
        lane: Lane::Normal,
        template_id: TemplateId(Uuid::from_u128(3)),
        template_version: 1,
        recipient: "Ada@Example.org".to_owned(),
        normalised_recipient: "ada@example.org".to_owned(),
        personalisation: json!({ "name": "Ada" })
            .as_object()
            .cloned()
            .unwrap_or_default(),
        reference: None,
        sender: None,
        unsubscribe_url: None,
        scheduled_for: None,
        created_at: carillon_core::clock::now(),
        trace: None,
    }
}

pub fn emails(n: usize) -> Vec<SaveNotification> {
    std::iter::repeat_with(email).take(n).collect()
}

pub fn ids(batch: &[SaveNotification]) -> Vec<NotificationId> {
    batch.iter().map(|n| n.id).collect()
}

/// The id a notification would have had if it had been accepted so many days from today.
pub fn id_of_day(days: i64) -> NotificationId {
    let at = carillon_core::clock::now() + chrono::Duration::days(days);
    let millis = u64::try_from(at.timestamp_millis()).expect("after 1970");
    let random = *Uuid::new_v4().as_bytes();
    let counter: &[u8; 10] = random[..10].try_into().expect("ten of sixteen bytes");
    NotificationId(uuid::Builder::from_unix_timestamp_millis(millis, counter).into_uuid())
}

pub fn service(name: &str) -> Service {
    Service {
        id: ServiceId(id::mint()),
        name: name.to_owned(),
        active: true,
        restricted: false,
        high_volume: false,
        region: "GB".to_owned(),
        email_from: "demo".to_owned(),
        channels: Channel::ALL.to_vec(),
        one_click_unsubscribe: false,
        email_retention_days: USUAL_RETENTION_DAYS,
        sms_retention_days: USUAL_RETENTION_DAYS,
        rate_limit: None,
        email_daily_limit: None,
        sms_daily_limit: None,
        email_braked_at: None,
    }
}

pub fn receipt(id: NotificationId, kind: ReceiptKind, event_id: &str) -> Receipt {
    Receipt {
        notification_id: Some(id),
        event_id: event_id.to_owned(),
        provider: "sandbox".to_owned(),
        reference: "reference-of-receipt".to_owned(),
        kind,
        at: carillon_core::clock::now(),
        detail: None,
        subtype: None,
    }
}

/// The provider took it and will report.
pub fn accepted(id: NotificationId, token: Uuid) -> Marking {
    Marking {
        id,
        token,
        status: Status::Sending,
        provider: Some("sandbox".to_owned()),
        reference: Some("reference-of-mark".to_owned()),
        referenced_by: None,
        event: TimelineEvent::Attempted,
        reason: None,
        retry_after: None,
        counted: true,
        detail: json!({ "reference": "reference-of-mark" }),
    }
}

impl Given {
    /// Saves one e-mail that is on its way.
    pub async fn on_its_way(&self) -> NotificationId {
        let email = email();
        let id = email.id;
        self.save(&[email]).await;
        id
    }

    pub async fn save(&self, batch: &[SaveNotification]) {
        notification::save(self, batch, None)
            .await
            .expect("the batch can be saved");
    }

    /// Claims one and returns the token; it must be claimable.
    pub async fn claimed(&self, id: NotificationId) -> Uuid {
        let token = Uuid::new_v4();
        let claimed = notification::claim(self, &[id], token, LEASE).await;
        assert_eq!(
            claimed.expect("PostgreSQL answers").len(),
            1,
            "{id} is not claimable"
        );
        token
    }

    /// Saves one that a provider has taken.
    pub async fn sending(&self) -> NotificationId {
        let id = self.on_its_way().await;
        let token = self.claimed(id).await;
        let late = notification::mark(self, &[accepted(id, token)], "test").await;
        assert_eq!(late.expect("PostgreSQL answers").n_late, 0);
        id
    }

    /// Makes the service of [`email`] exist, and registers a URL of it for each kind of callback.
    pub async fn register(&self, kinds: &[&str]) {
        let service = Service {
            id: email().service_id,
            ..service("listening")
        };
        carillon_store::service::create(self, &service, "Listening")
            .await
            .expect("there is no such service yet");
        for kind in kinds {
            let register = format!(
                "INSERT INTO service_callbacks (id, service_id, kind, url, sealed_token, sealed_secrets)
                 VALUES (gen_random_uuid(), '{}', '{kind}', 'https://example.org', '', '')",
                service.id
            );
            self.database.execute(&register).await;
        }
    }

    /// What services are to be told of a notification, each as `kind status feedback`.
    pub async fn to_tell(&self, id: NotificationId) -> Vec<String> {
        let query = format!(
            "SELECT concat_ws(' ', kind, status, feedback) FROM callback_events
             WHERE notification_id = '{id}' AND due_at <= carillon_now() AND wait_reason = 'new'
             ORDER BY occurred_at, kind"
        );
        let rows = self.database.client().await.query(&query, &[]).await;
        let rows = rows.expect("the query is right");
        rows.into_iter().map(|row| row.get(0)).collect()
    }

    /// A service's suppression list, each entry as `channel recipient reason`.
    pub async fn list(&self) -> Vec<String> {
        let query =
            "SELECT concat_ws(' ', channel, recipient, reason) FROM suppressions ORDER BY 1";
        let rows = self.database.client().await.query(query, &[]).await;
        let rows = rows.expect("the query is right");
        rows.into_iter().map(|row| row.get(0)).collect()
    }

    /// Where a row stands, in words; `gone` if there is none.
    pub async fn row(&self, id: NotificationId) -> String {
        let query = format!(
            "SELECT concat_ws(' ', status, 'attempts=' || attempts,
                CASE WHEN dispatched_at IS NOT NULL THEN 'on-its-way' END,
                CASE WHEN due_at IS NOT NULL THEN 'waits=' || wait_reason END,
                CASE WHEN lease_token IS NOT NULL THEN 'leased' END,
                CASE WHEN completed_at IS NOT NULL THEN 'completed' END,
                'reference=' || provider_reference)
             FROM notifications WHERE id = '{id}'"
        );
        let row = self.database.client().await.query_opt(&query, &[]).await;
        row.expect("the query is right")
            .map_or_else(|| "gone".to_owned(), |row| row.get(0))
    }

    /// The timeline, each entry as `event reason`; its entries must be numbered without gaps.
    pub async fn timeline(&self, id: NotificationId) -> Vec<String> {
        let entries = notification::timeline(self, id)
            .await
            .expect("PostgreSQL answers");
        let last_seq = format!("SELECT last_seq::bigint FROM notifications WHERE id = '{id}'");
        assert_eq!(self.database.number(&last_seq).await, entries.len() as i64);
        entries
            .into_iter()
            .map(|e| {
                [Some(e.event), e.reason]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }
}
