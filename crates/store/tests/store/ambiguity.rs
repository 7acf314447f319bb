//! Lost answers: what the template says follows, whoever finds out, and who may decide.

use std::time::Duration;

use carillon_core::ambiguity::{Resolution, UNTIL_DECIDED};
use carillon_core::id::{JobId, NotificationId};
use carillon_core::notification::Status;
use carillon_core::reason::Reason;
use carillon_core::receipt::ReceiptKind;
use carillon_core::timeline::TimelineEvent;
use carillon_store::notification::{
    Marking, apply_receipts, mark, relay, rescue_lost, resolve, time_out,
};
use carillon_store::{health, job};
use serde_json::json;
use uuid::Uuid;

use crate::given::{Given, LEASE, accepted, email, given, receipt};

/// Makes the template of [`email`] exist, with what it says of lost answers.
async fn policy(given: &Given, policy: &str) {
    given.register(&["delivery-status"]).await;
    let email = email();
    let create = format!(
        "INSERT INTO templates (id, service_id, channel, name, when_answer_lost)
         VALUES ('{}', '{}', 'email', 'T', '{policy}')",
        email.template_id, email.service_id
    );
    given.database.execute(&create).await;
}

/// One whose worker vanished during the call.
async fn vanished(given: &Given) -> NotificationId {
    let id = given.on_its_way().await;
    given.claimed(id).await;
    given
        .database
        .advance_clock(LEASE + Duration::from_secs(1))
        .await;
    assert_eq!(rescue_lost(given, 10).await.expect("an answer").len(), 1);
    id
}

/// One whose call ended without an answer, and whose template says hold.
async fn held(given: &Given) -> NotificationId {
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let lost = Marking {
        status: Status::Created,
        reference: None,
        event: TimelineEvent::Attempted,
        reason: Some(Reason::AnswerLost),
        retry_after: Some(UNTIL_DECIDED),
        detail: json!({ "provider": "sandbox" }),
        ..accepted(id, token)
    };
    mark(given, &[lost], "worker").await.expect("an answer");
    id
}

const HELD: &str = "created attempts=1 waits=answer-lost";

#[tokio::test]
async fn a_lease_that_ran_out_is_held_where_the_template_says_so_and_nobody_relays_it() {
    let given = given().await;
    policy(&given, "hold").await;
    let id = vanished(&given).await;
    assert_eq!(given.row(id).await, HELD);
    assert_eq!(given.timeline(id).await, ["accepted", "held answer-lost"]);
    given
        .database
        .advance_clock(Duration::from_secs(400 * 86_400))
        .await;
    assert!(relay(&given, 10).await.unwrap().is_empty());
    // The receipt that names it settles it.
    let proof = [receipt(id, ReceiptKind::Delivered, "e1")];
    apply_receipts(&given, &proof).await.unwrap();
    let row = "delivered attempts=1 completed reference=reference-of-receipt";
    assert_eq!(given.row(id).await, row);
    let late = resolve(&given, id, Resolution::Retry, "ada", None).await;
    assert_eq!(late.unwrap(), None);
}

#[tokio::test]
async fn a_lease_that_ran_out_ends_where_the_template_gives_up_and_the_service_hears_of_it() {
    let given = given().await;
    policy(&given, "give-up").await;
    let id = vanished(&given).await;
    let row = "technical-failure attempts=1 completed";
    assert_eq!(given.row(id).await, row);
    assert_eq!(given.timeline(id).await, ["accepted", "failed answer-lost"]);
    assert_eq!(
        given.to_tell(id).await,
        ["delivery-status technical-failure"]
    );
    assert!(rescue_lost(&given, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_row_that_a_receipt_has_moved_is_freed_whatever_the_template_says() {
    let given = given().await;
    policy(&given, "give-up").await;
    let id = given.on_its_way().await;
    given.claimed(id).await;
    let proof = [receipt(id, ReceiptKind::Delivered, "e1")];
    apply_receipts(&given, &proof).await.unwrap();
    given.database.advance_clock(LEASE * 2).await;
    assert_eq!(rescue_lost(&given, 10).await.unwrap().len(), 1);
    let row = "delivered attempts=1 completed reference=reference-of-receipt";
    assert_eq!(given.row(id).await, row);
    let timeline = given.timeline(id).await;
    assert_eq!(timeline.last().unwrap(), "rescued lease-expired");
}

#[tokio::test]
async fn an_administrator_has_it_sent_again_or_ended_once() {
    let given = given().await;
    policy(&given, "hold").await;
    let (again, ended) = (held(&given).await, held(&given).await);
    for id in [again, ended] {
        assert_eq!(given.row(id).await, HELD);
    }
    let status = resolve(&given, again, Resolution::Retry, "ada", Some("not there"))
        .await
        .unwrap();
    assert_eq!(status, Some(Status::Created));
    assert_eq!(relay(&given, 10).await.unwrap().len(), 1);
    let status = resolve(&given, ended, Resolution::GiveUp, "ada", None)
        .await
        .unwrap();
    assert_eq!(status, Some(Status::TechnicalFailure));
    assert_eq!(
        given.to_tell(ended).await,
        ["delivery-status technical-failure"]
    );
    for (id, last) in [
        (again, "resolved answer-lost"),
        (ended, "failed answer-lost"),
    ] {
        assert_eq!(given.timeline(id).await.last().unwrap(), last);
        let twice = resolve(&given, id, Resolution::GiveUp, "eve", None).await;
        assert_eq!(twice.unwrap(), None);
        let said = format!(
            "SELECT count(*) FROM notification_events WHERE notification_id = '{id}'
               AND actor = 'ada' AND detail ? 'action'"
        );
        assert_eq!(given.database.number(&said).await, 1);
    }
    let unknown = NotificationId::mint();
    let unknown = resolve(&given, unknown, Resolution::Retry, "ada", None).await;
    assert_eq!(unknown.unwrap(), None);
}

#[tokio::test]
async fn what_was_never_settled_ends_with_its_time_and_says_why() {
    let given = given().await;
    policy(&given, "hold").await;
    let id = held(&given).await;
    given
        .database
        .advance_clock(Duration::from_secs(73 * 3_600))
        .await;
    let cutoff = health::now(&given).await.unwrap() - Duration::from_secs(72 * 3_600);
    let all = (
        NotificationId(Uuid::nil()),
        NotificationId::lower_bound(cutoff),
    );
    let page = time_out(&given, all, cutoff, 10).await.unwrap().unwrap();
    assert_eq!(page.n_ended, 1);
    let row = "technical-failure attempts=1 completed";
    assert_eq!(given.row(id).await, row);
    assert_eq!(
        given.timeline(id).await.last().unwrap(),
        "failed answer-lost"
    );
}

#[tokio::test]
async fn its_job_neither_withdraws_nor_sends_what_a_provider_may_have() {
    use carillon_core::job::RowChange;

    let given = given().await;
    policy(&given, "hold").await;
    let id = held(&given).await;
    let at = id.time().unwrap();
    let job_id = JobId(Uuid::from_u128(9));
    let of_job = format!("UPDATE notifications SET job_id = '{job_id}', job_row = 1");
    given.database.execute(&of_job).await;
    for change in [RowChange::Hold, RowChange::Release, RowChange::Cancel] {
        let job = format!(
            "INSERT INTO jobs (id, service_id, template_id, created_at, started_at, template_version,
                 n_rows, n_invalid_rows, status, row_change, row_change_at, channel, lane, key_type,
                 queue, name, storage)
             VALUES ('{job_id}', '{}', '{}', '{at}', '{at}', 1, 1, 0, 'in progress', '{}',
                 carillon_now(), 'email', 'bulk', 'normal', 'send-email-bulk', 'May', 'postgres')
             ON CONFLICT (id) DO UPDATE SET row_change = excluded.row_change, row_change_after = NULL",
            email().service_id,
            email().template_id,
            change.as_str(),
        );
        given.database.execute(&job).await;
        let changed = job::change_rows(&given, job_id, change, 10).await.unwrap();
        assert_eq!((changed.n_changed, changed.n_in_hand), (0, 0), "{change}");
        assert_eq!(given.row(id).await, HELD, "{change}");
    }
}

#[tokio::test]
async fn a_claim_says_where_the_last_attempt_failed_for_certain() {
    let given = given().await;
    let id = given.on_its_way().await;
    let mut failed_at = Vec::new();
    for (provider, reason) in [
        ("one", Some(Reason::ProviderFailure)),
        ("two", Some(Reason::ProviderRate)),
        ("one", Some(Reason::AnswerLost)),
        ("one", None),
    ] {
        let token = Uuid::new_v4();
        let claimed = carillon_store::notification::claim(&given, &[id], token, LEASE).await;
        failed_at.push(claimed.unwrap().remove(0).failed_at);
        let Some(reason) = reason else { continue };
        let result = Marking {
            status: Status::Created,
            provider: Some(provider.to_owned()),
            reference: None,
            reason: Some(reason),
            retry_after: Some(Duration::ZERO),
            detail: json!({ "provider": provider }),
            ..accepted(id, token)
        };
        mark(&given, &[result], "worker").await.unwrap();
        relay(&given, 10).await.unwrap();
    }
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(failed_at, [None, some("one"), some("two"), None]);
}
