//! Updates of a claim and of a receipt touch no index: they are HOT (house rule 7). A mark takes the
//! row out of the index of what is on its way: the one update that is not.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::receipt::ReceiptKind;
use carillon_core::task::SaveNotification;
use carillon_store::notification::{apply_receipts, claim, mark};
use carillon_store::partition::ensure_day;
use carillon_test_support::eventually;
use uuid::Uuid;

use crate::given::{Given, LEASE, accepted, email, given, id_of_day, receipt, store};

const N: i64 = 400;

/// Updates and HOT updates of the day's partition, once all sessions have reported theirs.
async fn updates(given: &Given, partition: &str, expected: i64) -> i64 {
    let query = format!(
        "SELECT n_tup_hot_upd FROM pg_stat_user_tables \
         WHERE relname = '{partition}' AND n_tup_upd = {expected}"
    );
    let client = given.database.client().await;
    eventually(
        "the statistics are reported",
        Duration::from_secs(20),
        async || {
            let row = client
                .query_opt(&query, &[])
                .await
                .expect("the query is right");
            row.map(|row| row.get(0))
        },
    )
    .await
}

#[tokio::test]
async fn claims_and_receipts_are_hot_and_marks_are_not() {
    let given = given().await;
    // A day of its own, so that nothing else is in its partition.
    let batch: Vec<_> = std::iter::repeat_with(|| SaveNotification {
        id: id_of_day(3),
        ..email()
    })
    .take(N as usize)
    .collect();
    let ids: Vec<NotificationId> = batch.iter().map(|n| n.id).collect();
    let day = ids[0].day().expect("a time is in it");
    ensure_day(&given, day).await.unwrap();
    let partition = format!("notifications_{}", day.format("%Y%m%d"));
    // An update is HOT if it touches no index and its page has room. Room depends on when dead rows
    // were pruned, which transactions of other tests delay; with this much of it, only an index can
    // be in the way.
    given
        .database
        .execute(&format!("ALTER TABLE {partition} SET (fillfactor = 20)"))
        .await;
    given.save(&batch).await;

    // A session reports its statistics when it ends: each phase has a store of its own.
    let url = &given.database.url;
    let token = Uuid::new_v4();
    let worker = store(url, &[]);
    assert_eq!(
        claim(&worker, &ids, token, LEASE).await.unwrap().len(),
        ids.len()
    );
    drop(worker);
    let claims = updates(&given, &partition, N).await;

    let worker = store(url, &[]);
    let markings: Vec<_> = ids.iter().map(|id| accepted(*id, token)).collect();
    assert_eq!(mark(&worker, &markings, "worker").await.unwrap().n_late, 0);
    drop(worker);
    let marks = updates(&given, &partition, 2 * N).await - claims;

    let worker = store(url, &[]);
    let receipts: Vec<_> = ids
        .iter()
        .map(|id| receipt(*id, ReceiptKind::Delivered, "e"))
        .collect();
    let applied = apply_receipts(&worker, &receipts).await.unwrap();
    assert!(applied.unknown.is_empty());
    drop(worker);
    let receipts = updates(&given, &partition, 3 * N).await - claims - marks;
    assert_eq!((claims, marks, receipts), (N, 0, N));
}
