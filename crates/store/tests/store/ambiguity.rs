//! Lost answers: what the template says follows, whoever finds out, and who may decide.

use std::time::Duration;

use carillon_core::ambiguity::{JobStopped, Resolution, UNTIL_DECIDED};
use carillon_core::id::{JobId, NotificationId};
use carillon_core::job::{JobStatus, RowChange};
use carillon_core::notification::Status;
use carillon_core::reason::Reason;
use carillon_core::receipt::ReceiptKind;
use carillon_core::timeline::TimelineEvent;
use carillon_store::notification::{
    Marking, Resolved, apply_receipts, hold, mark, relay, rescue_lost, resolve, time_out,
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
    lose(given).await;
    id
}

/// The lease of one claimed row runs out.
async fn lose(given: &Given) {
    given
        .database
        .advance_clock(LEASE + Duration::from_secs(1))
        .await;
    let lost = rescue_lost(given, MAX_ATTEMPTS, 10).await;
    assert_eq!(lost.expect("an answer").len(), 1);
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

const MAX_ATTEMPTS: u32 = 48;
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
    assert_eq!(late.unwrap(), Resolved::NotHeld);
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
    assert!(rescue_lost(&given, 48, 10).await.unwrap().is_empty());
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
    assert_eq!(rescue_lost(&given, 48, 10).await.unwrap().len(), 1);
    let row = "delivered attempts=1 completed reference=reference-of-receipt";
    assert_eq!(given.row(id).await, row);
    let timeline = given.timeline(id).await;
    assert_eq!(timeline.last().unwrap(), "rescued lease-expired");
}

/// Makes a message one of a job that is to change its rows.
async fn of_job(given: &Given, id: NotificationId, change: RowChange, status: JobStatus) -> JobId {
    let job_id = JobId(Uuid::from_u128(9));
    let at = id.time().expect("it was minted");
    let email = email();
    let job = format!(
        "UPDATE notifications SET job_id = '{job_id}', job_row = 1 WHERE id = '{id}';
         INSERT INTO jobs (id, service_id, template_id, created_at, started_at, template_version,
             n_rows, n_invalid_rows, status, row_change, row_change_at, channel, lane, key_type,
             queue, name, storage)
         VALUES ('{job_id}', '{}', '{}', '{at}', '{at}', 1, 1, 0, '{status}', '{change}',
             carillon_now(), 'email', 'bulk', 'normal', 'send-email-bulk', 'May', 'postgres')
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, row_change = excluded.row_change,
             row_change_after = NULL",
        email.service_id, email.template_id
    );
    given.database.execute(&job).await;
    job_id
}

/// The provider certainly does not have it.
fn failed(id: NotificationId, token: Uuid) -> Marking {
    Marking {
        status: Status::Created,
        reference: None,
        reason: Some(Reason::ProviderFailure),
        retry_after: Some(Duration::from_secs(300)),
        ..accepted(id, token)
    }
}

#[tokio::test]
async fn what_the_provider_said_settles_after_all_what_was_held_for_want_of_it() {
    let given = given().await;
    policy(&given, "hold").await;
    let unsure = |id, token| Marking {
        reason: Some(Reason::AnswerLost),
        ..failed(id, token)
    };
    let refused = |id, token| Marking {
        status: Status::TechnicalFailure,
        event: TimelineEvent::Failed,
        reason: Some(Reason::ProviderRejected),
        retry_after: None,
        ..failed(id, token)
    };
    let results: [(&dyn Fn(_, _) -> Marking, _, _); 4] = [
        (
            &accepted,
            "sending attempts=1 reference=reference-of-mark",
            "attempted",
        ),
        (
            &failed,
            "created attempts=1 waits=provider-failure",
            "attempted provider-failure",
        ),
        (
            &refused,
            "technical-failure attempts=1 completed",
            "failed provider-rejected",
        ),
        (&unsure, HELD, "attempted-late stale-result"),
    ];
    for (result, row, last) in results {
        let id = given.on_its_way().await;
        let token = given.claimed(id).await;
        lose(&given).await;
        let batch = [result(id, token)];
        let marks = mark(&given, &batch, "worker").await.unwrap();
        assert_eq!(marks.n_late, 1, "{last}");
        assert_eq!(given.row(id).await, row);
        let timeline = ["accepted", "held answer-lost", last];
        assert_eq!(given.timeline(id).await, timeline);
        let is_told = usize::from(row.starts_with("technical-failure"));
        assert_eq!(marks.n_callback_events, is_told);
        // A repeat, after an answer of PostgreSQL's was lost.
        mark(&given, &batch, "worker").await.unwrap();
        assert_eq!(given.row(id).await, row);
    }
}

#[tokio::test]
async fn a_result_settles_a_message_that_is_to_be_sent_again_until_that_begins() {
    let given = given().await;
    policy(&given, "hold").await;
    for waits_for in [None, Some(Reason::ProviderPaused)] {
        let id = given.on_its_way().await;
        let token = given.claimed(id).await;
        lose(&given).await;
        resolve(&given, id, Resolution::Retry, "ada", None)
            .await
            .unwrap();
        relay(&given, 10).await.unwrap();
        if let Some(reason) = waits_for {
            hold(&given, &[id], reason, Duration::from_secs(60), "worker")
                .await
                .unwrap();
        }
        mark(&given, &[accepted(id, token)], "worker")
            .await
            .unwrap();
        let row = "sending attempts=1 reference=reference-of-mark";
        assert_eq!(given.row(id).await, row, "{waits_for:?}");
    }
}

#[tokio::test]
async fn a_result_does_not_settle_what_another_call_has_made_unsure_since() {
    let given = given().await;
    policy(&given, "hold").await;
    let id = given.on_its_way().await;
    let first = given.claimed(id).await;
    lose(&given).await;
    resolve(&given, id, Resolution::Retry, "ada", None)
        .await
        .unwrap();
    relay(&given, 10).await.unwrap();
    let second = given.claimed(id).await;
    let leased = "created attempts=2 on-its-way leased";
    mark(&given, &[accepted(id, first)], "worker")
        .await
        .unwrap();
    assert_eq!(given.row(id).await, leased);
    lose(&given).await;
    let held = "created attempts=2 waits=answer-lost";
    mark(&given, &[accepted(id, first)], "worker")
        .await
        .unwrap();
    assert_eq!(given.row(id).await, held);
    mark(&given, &[accepted(id, second)], "worker")
        .await
        .unwrap();
    let row = "sending attempts=2 reference=reference-of-mark";
    assert_eq!(given.row(id).await, row);
}

#[tokio::test]
async fn a_result_after_which_it_would_be_sent_again_is_of_no_use_to_a_stopped_job() {
    let given = given().await;
    policy(&given, "hold").await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    lose(&given).await;
    of_job(&given, id, RowChange::Cancel, JobStatus::Cancelled).await;
    mark(&given, &[failed(id, token)], "worker").await.unwrap();
    assert_eq!(given.row(id).await, HELD);
    mark(&given, &[accepted(id, token)], "worker")
        .await
        .unwrap();
    assert!(given.row(id).await.starts_with("sending"));
}

#[tokio::test]
async fn after_the_last_attempt_a_lost_one_ends_unless_it_is_held() {
    for (said, row) in [
        ("retry", "technical-failure attempts=48 completed"),
        ("hold", "created attempts=48 waits=answer-lost"),
    ] {
        let given = given().await;
        policy(&given, said).await;
        let id = given.on_its_way().await;
        let before = format!("UPDATE notifications SET attempts = {}", MAX_ATTEMPTS - 1);
        given.database.execute(&before).await;
        given.claimed(id).await;
        lose(&given).await;
        assert_eq!(given.row(id).await, row);
        let last = given.timeline(id).await.pop().unwrap();
        assert!(last.ends_with("answer-lost"), "{last}");
    }
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
    assert_eq!(status, Resolved::Done(Status::Created));
    assert_eq!(relay(&given, 10).await.unwrap().len(), 1);
    let status = resolve(&given, ended, Resolution::GiveUp, "ada", None)
        .await
        .unwrap();
    assert_eq!(status, Resolved::Done(Status::TechnicalFailure));
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
        assert_eq!(twice.unwrap(), Resolved::NotHeld);
        let said = format!(
            "SELECT count(*) FROM notification_events WHERE notification_id = '{id}'
               AND actor = 'ada' AND detail ? 'action'"
        );
        assert_eq!(given.database.number(&said).await, 1);
    }
    let unknown = NotificationId::mint();
    let unknown = resolve(&given, unknown, Resolution::Retry, "ada", None).await;
    assert_eq!(unknown.unwrap(), Resolved::NotHeld);
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
    let given = given().await;
    policy(&given, "hold").await;
    let id = held(&given).await;
    for (change, status) in [
        (RowChange::Hold, JobStatus::Paused),
        (RowChange::Release, JobStatus::InProgress),
        (RowChange::Cancel, JobStatus::Cancelled),
    ] {
        let job_id = of_job(&given, id, change, status).await;
        let changed = job::change_rows(&given, job_id, change, 10).await.unwrap();
        assert_eq!((changed.n_changed, changed.n_in_hand), (0, 0), "{change}");
        assert_eq!(given.row(id).await, HELD, "{change}");
        let Some(stopped) = JobStopped::of(status) else {
            continue;
        };
        // No claim would take it: it would be relayed and fall out for days.
        let again = resolve(&given, id, Resolution::Retry, "ada", None).await;
        assert_eq!(again.unwrap(), Resolved::JobStopped(stopped));
        assert_eq!(given.row(id).await, HELD, "{change}");
    }
    let ended = resolve(&given, id, Resolution::GiveUp, "ada", None).await;
    assert_eq!(ended.unwrap(), Resolved::Done(Status::TechnicalFailure));
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
