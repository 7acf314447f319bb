//! Waking: NOTIFY reaches who listens, and a lost connection is noticed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carillon_store::wake::{Channel, listen, notify};
use carillon_test_support::eventually;

use crate::given::given;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn who_listens_is_woken_at_the_start_and_at_every_notification_until_the_connection_is_lost()
{
    let given = given().await;
    let n_woken = AtomicUsize::new(0);
    let listening = listen(&given, Channel::CallbackEvents, || {
        n_woken.fetch_add(1, Ordering::SeqCst);
    });
    let driving = async {
        for n in 1..4 {
            eventually("it is woken", PATIENCE, async || {
                (n_woken.load(Ordering::SeqCst) >= n).then_some(())
            })
            .await;
            notify(&given, Channel::CallbackEvents).await.unwrap();
        }
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        given.database.execute(end).await;
    };
    let (lost, ()) = tokio::join!(listening, driving);
    assert!(lost.is_err());
}
