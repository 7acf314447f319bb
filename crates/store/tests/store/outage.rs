//! Outages of PostgreSQL: an error in time, and afterwards everything as before.

use std::time::{Duration, Instant};

use carillon_store::notification::{self, save};
use carillon_store::seal::Sealer;
use carillon_store::{Options, Store, health};
use carillon_test_support::{OwnPostgres, eventually};
use futures::future::join_all;

use crate::given::{Given, emails, ids};

async fn given(server: &OwnPostgres) -> Given {
    let database = server.database().await;
    let store = Store::new(&Options {
        url: database.url.clone(),
        max_connections: 3,
        statement_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        application_name: "test".to_owned(),
        sealer: Sealer::new(&[]).expect("no key is needed"),
    });
    Given {
        database,
        store: store.expect("the URL of a test database can be read"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_costs_an_error_and_the_pool_mends_itself() {
    let server = OwnPostgres::new().await;
    let given = given(&server).await;
    let before = emails(3);
    given.save(&before).await;
    // Every connection of the pool is open when the server goes.
    join_all((0..3).map(|_| health::now(&given))).await;
    server.kill().await;
    let batch = emails(3);
    let away = save(&given, &batch, None).await.unwrap_err();
    assert!(away.is_transient(), "{away:?}");
    server.start().await;
    eventually("the store is back", Duration::from_secs(20), async || {
        save(&given, &batch, None).await.ok()
    })
    .await;
    let all = [ids(&before), ids(&batch)].concat();
    assert_eq!(
        notification::read_many(&given, &all).await.unwrap().len(),
        6
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_holds_nobody_and_answers_are_not_mixed_up_afterwards() {
    let server = OwnPostgres::new().await;
    let given = given(&server).await;
    let batch = emails(6);
    given.save(&batch).await;
    join_all((0..3).map(|_| health::now(&given))).await;

    server.pause().await;
    let from = Instant::now();
    let stalled = join_all(batch.iter().map(|n| {
        let given = &given;
        async move { notification::read_many(given, &[n.id]).await.err() }
    }));
    for error in stalled.await {
        let error = error.expect("a stalled server answers nothing");
        assert!(error.is_transient(), "{error:?}");
    }
    assert!(
        from.elapsed() < Duration::from_secs(10),
        "{:?}",
        from.elapsed()
    );
    server.resume().await;

    // Answers to questions that were given up are still on their way; each of these gets its own.
    for _ in 0..5 {
        let read = batch.iter().map(|n| {
            let given = &given;
            async move {
                eventually("an answer", Duration::from_secs(20), async || {
                    notification::read_many(given, &[n.id]).await.ok()
                })
                .await
            }
        });
        for (read, asked) in join_all(read).await.iter().zip(&batch) {
            assert_eq!(read.iter().map(|n| n.id).collect::<Vec<_>>(), [asked.id]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_transient() {
    let server = OwnPostgres::new().await;
    let given = given(&server).await;
    let id = given.on_its_way().await;
    // Another session sits on the row.
    let mut client = given.database.client().await;
    let held = client.transaction().await.unwrap();
    held.execute(
        &format!("SELECT FROM notifications WHERE id = '{id}' FOR UPDATE"),
        &[],
    )
    .await
    .unwrap();
    let token = uuid::Uuid::new_v4();
    let claim = notification::claim(&given, &[id], token, crate::given::LEASE).await;
    assert!(claim.err().is_some_and(|error| error.is_transient()));
    held.rollback().await.unwrap();
    given.claimed(id).await;
}
