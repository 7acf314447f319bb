//! Facts for `carillon doctor`: each thing that can be wrong is found, and nothing else is.

use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::queue::Queue;
use carillon_core::reason::QuarantineReason;
use carillon_store::diagnosis::{self, Quarantined, SealedKeys, Stranded};
use carillon_store::{Options, Store, api_key, health, notification, partition, schedule, service};
use carillon_store::{quarantine, seal::Sealer, watermark};
use carillon_test_support::TestDatabase;
use chrono::Days;

use crate::given::{Given, emails, given, ids, of, store};

const GRACE: Duration = Duration::from_secs(90);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_server_says_what_it_is() {
    let given = given().await;
    let server = diagnosis::server(&given).await.unwrap();
    let major = server.version_number / 10_000;
    assert!(server.version.starts_with(&major.to_string()), "{server:?}");
    assert!(
        server.connections_taken >= 1 && server.connections_allowed > 10,
        "{server:?}"
    );
    assert!(!server.is_read_only);
    let name = given
        .database
        .url
        .rsplit('/')
        .next()
        .unwrap()
        .split('?')
        .next()
        .unwrap();
    given
        .database
        .execute(&format!(
            "ALTER DATABASE {name} SET synchronous_commit = off;
             ALTER DATABASE {name} SET default_transaction_read_only = on"
        ))
        .await;
    let later = of(given.database.clone());
    let server = diagnosis::server(&later).await.unwrap();
    let is_off = server
        .unsafe_settings
        .iter()
        .any(|name| name == "synchronous_commit");
    assert!(is_off && server.is_read_only, "{server:?}");
}

#[tokio::test]
async fn sessions_of_our_processes_are_found_with_what_they_hold() {
    let given = given().await;
    assert_eq!(diagnosis::sessions(&given).await.unwrap(), []);
    let worker = Store::new(&Options {
        url: given.database.url.clone(),
        max_connections: 2,
        statement_timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(10),
        application_name: "carillon-worker".to_owned(),
        sealer: Sealer::new(&[]).unwrap(),
    })
    .unwrap();
    health::now(&worker).await.unwrap();
    let client = given.database.client().await;
    client
        .batch_execute("SET application_name = 'carillon-poller'; BEGIN; SELECT 1")
        .await
        .unwrap();

    let sessions = diagnosis::sessions(&given).await.unwrap();
    let names: Vec<_> = sessions.iter().map(|s| (&*s.process, s.n)).collect();
    assert_eq!(names, [("carillon-poller", 1), ("carillon-worker", 1)]);
    assert!(sessions[0].longest_idle_seconds > 0.0, "{sessions:?}");
    assert!(sessions[0].longest_transaction_seconds >= sessions[0].longest_idle_seconds);
    assert!(
        sessions[1].longest_transaction_seconds.abs() < f64::EPSILON,
        "{sessions:?}"
    );
    assert_eq!(
        diagnosis::sessions(&worker).await.unwrap().len(),
        1,
        "not its own"
    );
}

#[tokio::test]
async fn a_moved_clock_is_told_from_a_wrong_one() {
    let given = given().await;
    let clock = diagnosis::clock(&given).await.unwrap();
    assert!(clock.offset_seconds.abs() < f64::EPSILON);
    given
        .database
        .advance_clock(Duration::from_secs(3_600))
        .await;
    let moved = diagnosis::clock(&given).await.unwrap();
    assert!((moved.offset_seconds - 3_600.0).abs() < 1e-6, "{moved:?}");
    assert!((3_600..3_660).contains(&(moved.now - clock.now).num_seconds()));
}

#[tokio::test]
async fn a_day_lacks_its_partition_when_either_table_does() {
    let given = given().await;
    let today = health::now(&given).await.unwrap().date_naive();
    partition::ensure_ahead(&given, today).await.unwrap();
    let last = today + Days::new(partition::DAYS_AHEAD);
    assert_eq!(
        diagnosis::missing_days(&given, today, last).await.unwrap(),
        []
    );

    let (detached, dropped) = (today + Days::new(1), today + Days::new(3));
    let (detached_name, dropped_name) = (detached.format("%Y%m%d"), dropped.format("%Y%m%d"));
    given
        .database
        .execute(&format!(
            "ALTER TABLE notification_events DETACH PARTITION notification_events_{detached_name};
             DROP TABLE notifications_{dropped_name}"
        ))
        .await;
    let missing = diagnosis::missing_days(&given, today, last).await.unwrap();
    assert_eq!(missing, [detached, dropped]);
    let after = diagnosis::missing_days(&given, today, last + Days::new(5))
        .await
        .unwrap();
    assert!(after.contains(&(last + Days::new(5))), "{after:?}");
}

#[tokio::test]
async fn stranded_rows_are_those_that_a_rescue_would_take_and_has_not_taken_for_long() {
    let given = given().await;
    let batch = emails(3);
    let queue = Queue::SendEmail;
    given.save(&batch).await;
    given.claimed(ids(&batch)[0]).await;
    let stranded = async |given: &Given| diagnosis::stranded(given, GRACE, PATIENCE).await.unwrap();
    let counted = |n_leases, n_fallen| {
        vec![Stranded {
            queue,
            n_leases,
            n_fallen,
        }]
    };
    assert_eq!(stranded(&given).await, counted(0, 0));

    // The lease holds for 30 s, the patience for 60 s more; a backlog of any age is healthy.
    given.database.advance_clock(Duration::from_secs(80)).await;
    assert_eq!(stranded(&given).await, counted(0, 0));
    given.database.advance_clock(Duration::from_secs(90)).await;
    assert_eq!(stranded(&given).await, counted(1, 0));

    let now = health::now(&given).await.unwrap();
    watermark::record(&given, queue, now).await.unwrap();
    assert_eq!(stranded(&given).await, counted(1, 2));
    assert_eq!(
        notification::rescue_lost(&given, 48, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        notification::rescue_fallen(&given, GRACE, 10)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(stranded(&given).await, []);
}

#[tokio::test]
async fn a_silent_lane_is_silent_for_as_long_as_no_marker_comes_out() {
    let given = given().await;
    assert_eq!(diagnosis::lanes(&given).await.unwrap(), []);
    let now = health::now(&given).await.unwrap();
    watermark::record(&given, Queue::Retry, now).await.unwrap();
    given.database.advance_clock(Duration::from_secs(300)).await;
    watermark::record(&given, Queue::Priority, now)
        .await
        .unwrap();
    let lanes = diagnosis::lanes(&given).await.unwrap();
    let silent: Vec<_> = lanes
        .iter()
        .map(|l| (l.queue, l.silent_seconds > 299.0))
        .collect();
    assert_eq!(silent, [(Queue::Priority, false), (Queue::Retry, true)]);
}

#[tokio::test]
async fn the_quarantine_of_a_day_is_counted() {
    let given = given().await;
    let put = async || {
        let reason = QuarantineReason::Malformed;
        quarantine::put(&given, "database", "save-notifications", reason, "", b"{")
            .await
            .unwrap();
    };
    put().await;
    given
        .database
        .advance_clock(Duration::from_secs(23 * 3_600))
        .await;
    put().await;
    let counted = |n| {
        vec![Quarantined {
            queue: "database".into(),
            reason: "malformed".into(),
            n,
        }]
    };
    assert_eq!(diagnosis::quarantined(&given).await.unwrap(), counted(2));
    given
        .database
        .advance_clock(Duration::from_secs(2 * 3_600))
        .await;
    assert_eq!(diagnosis::quarantined(&given).await.unwrap(), counted(1));
}

#[tokio::test]
async fn only_finished_slots_count() {
    let given = given().await;
    let now = health::now(&given).await.unwrap();
    let slots = [
        now - chrono::Duration::hours(2),
        now - chrono::Duration::hours(1),
        now,
    ];
    for slot in slots {
        schedule::take(&given, "tidy", slot).await.unwrap();
    }
    assert_eq!(diagnosis::finished_slots(&given).await.unwrap(), []);
    for slot in &slots[..2] {
        schedule::finish(&given, "tidy", *slot).await.unwrap();
    }
    let finished = diagnosis::finished_slots(&given).await.unwrap();
    assert_eq!(finished, [("tidy".to_owned(), slots[1])]);
}

#[tokio::test]
async fn api_keys_that_the_configured_keys_do_not_open_are_counted() {
    let given = given().await;
    let demo = crate::given::service("Demo");
    service::create(&given, &demo, "Demo").await.unwrap();
    let key = async |store: &Store, name: &str| {
        api_key::create(store, demo.id, name, KeyType::Normal)
            .await
            .unwrap()
    };
    key(&given, "first").await;
    let rotated = store(&given.database.url, &[vec![9; 32]]);
    key(&rotated, "second").await;
    let (revoked, _) = key(&rotated, "third").await;
    let now = health::now(&given).await.unwrap();
    api_key::revoke(&given, demo.id, revoked, now)
        .await
        .unwrap();

    let sample = diagnosis::sealed_keys(&given).await.unwrap();
    assert_eq!(sample, SealedKeys { n: 2, n_closed: 1 });
    let both = store(&given.database.url, &[vec![9; 32], vec![7; 32]]);
    let sample = diagnosis::sealed_keys(&both).await.unwrap();
    assert_eq!(sample, SealedKeys { n: 2, n_closed: 0 });
}

#[tokio::test]
async fn outstanding_and_foreign_migrations_are_named() {
    let empty = of(TestDatabase::create_empty().await);
    let none = diagnosis::migrations(&empty).await.unwrap();
    assert_eq!(none.n_applied, 0);
    assert!(none.pending[0].ends_with("create_clock"), "{none:?}");

    let given = given().await;
    let all = diagnosis::migrations(&given).await.unwrap();
    assert_eq!(
        (all.n_applied, all.pending, all.unknown),
        (none.pending.len(), vec![], vec![])
    );
    given
        .database
        .execute(
            "DELETE FROM __diesel_schema_migrations WHERE version = '20261126100500';
             INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231235959')",
        )
        .await;
    let migrations = diagnosis::migrations(&given).await.unwrap();
    assert_eq!(
        migrations.pending,
        ["2026-11-26-100500_create_partition_function"]
    );
    assert_eq!(migrations.unknown, ["20991231235959"]);
}
