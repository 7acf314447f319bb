//! `deploy/postgres/roles.sql`: each process does its work with its own role, and no more than that.

use std::time::Duration;

use carillon_test_support::{
    Member, OwnPostgres, Stack, StackOptions, TestDatabase, WebhookReceiver, eventually, free_port,
};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use super::root;

/// What depends on the poller comes about within this time.
const WITHIN: Duration = Duration::from_secs(60);

const ROLES: [&str; 5] = ["api", "worker", "poller", "escalator", "aggregator"];

/// The database's URL as a role that has a password.
pub(super) fn url_as(database: &TestDatabase, role: &str) -> String {
    let (_, place) = database.url.split_once('@').unwrap();
    format!("postgres://carillon_{role}:secret@{place}")
}

pub(super) async fn apply_roles(database: &TestDatabase) {
    let script = std::fs::read_to_string(root().join("deploy/postgres/roles.sql")).unwrap();
    database.execute(&script).await;
    for role in ROLES {
        database
            .execute(&format!("ALTER ROLE carillon_{role} PASSWORD 'secret'"))
            .await;
    }
}

/// Waits until the receiver was told of a message and agreed.
pub(super) async fn told(receiver: &WebhookReceiver, notification: &str) {
    eventually("the service is told", WITHIN, async || {
        let is_it = |call: &Value| call["body"]["id"] == *notification && call["status"] == 200;
        receiver.calls().iter().any(is_it).then_some(())
    })
    .await;
}

/// Asks something that a role must not have.
async fn is_refused(database: &TestDatabase, role: &str, statement: &str) -> bool {
    let role = TestDatabase {
        url: url_as(database, role),
    };
    let done = role.client().await.batch_execute(statement).await;
    let code = done.err().and_then(|error| error.code().cloned());
    code == Some(SqlState::INSUFFICIENT_PRIVILEGE)
}

/// The loops of the poller and its scheduled tasks that failed, as its metrics count them.
async fn failures(stack: &Stack) -> Vec<String> {
    let url = format!("{}/metrics", stack.health_url(Member::Poller));
    let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
    let failed = metrics
        .lines()
        .filter(|line| line.contains("outcome=\"error\"") || line.contains("result=\"failed\""));
    failed.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_works_with_the_rights_of_its_role() {
    let server = OwnPostgres::new().await;
    let database = server.database().await;
    apply_roles(&database).await;
    apply_roles(&database).await;

    let as_role = |role| vec![("DATABASE_URL", url_as(&database, role))];
    let stack = Stack::start(StackOptions {
        database: Some(database.clone()),
        env: vec![("CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS", "true".into())],
        api_env: as_role("api"),
        worker_env: as_role("worker"),
        poller_env: as_role("poller"),
        ..StackOptions::default()
    })
    .await;
    for member in [Member::Escalator, Member::Aggregator] {
        let port = free_port();
        let role = member.binary().strip_prefix("carillon-").unwrap();
        let mut env = as_role(role);
        env.push(("CARILLON__HEALTH__LISTEN", format!("127.0.0.1:{port}")));
        let _process = stack.another(member, &env);
        eventually(&format!("the {role} is ready"), WITHIN, async || {
            let answer = reqwest::get(format!("http://127.0.0.1:{port}/readyz")).await;
            answer
                .is_ok_and(|answer| answer.status().is_success())
                .then_some(())
        })
        .await;
    }

    // One of each kind of work: saved, delivered, retried, receipted, suppressed, called, a mailing, and
    // one that is cancelled.
    let receiver = WebhookReceiver::start(&[]).await;
    let callbacks = format!("/api/services/{}/callbacks", stack.demo("SERVICE_ID"));
    let new = json!({ "kind": "delivery-status", "url": receiver.url("/ok"), "bearer_token": "a-token-of-the-service" });
    let (status, made) = stack.post(&callbacks, &stack.admin(), &new).await;
    assert_eq!(status, 201, "{made}");
    let delivered = stack.send_email("ada@example.org", "Ada").await;
    let bounced = stack.send_email("perm-fail@simulator.notify", "Ada").await;
    let throttled = stack.send_email("throttle@simulator.notify", "Ada").await;
    let sms = stack.send_sms("07700900123", "Ada").await;
    let mut mailing = json!({
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"), "name": "A mailing",
        "csv": "email address,name\nbob@example.org,Bob\n",
    });
    let (status, answer) = stack.post("/bulk", &stack.key(), &mailing).await;
    assert_eq!(status, 201, "{answer}");
    stack.until_status(&delivered, "delivered").await;
    stack.until_status(&bounced, "permanent-failure").await;
    stack.until_status(&sms, "delivered").await;
    stack.until_status(&throttled, "delivered").await;
    stack.assert_settled().await;
    let job = answer["data"]["id"].as_str().unwrap();
    let finished = eventually("the job is finished", WITHIN, async || {
        let (_, job) = stack.get(&format!("/api/jobs/{job}"), &stack.admin()).await;
        (job["status"] == "finished").then_some(job)
    });
    assert_eq!(finished.await["statistics"]["delivered"], 1);
    let tomorrow = carillon_core::clock::now() + chrono::TimeDelta::days(1);
    mailing["scheduled_for"] = json!(tomorrow.to_rfc3339());
    let (status, later) = stack.post("/bulk", &stack.key(), &mailing).await;
    assert_eq!(status, 201, "{later}");
    let cancel = format!("/api/jobs/{}/cancel", later["data"]["id"].as_str().unwrap());
    let (status, cancelled) = stack.post(&cancel, &stack.admin(), &json!({})).await;
    assert_eq!(status, 200, "{cancelled}");
    told(&receiver, &delivered).await;
    assert_eq!(failures(&stack).await, Vec::<String>::new());

    for (role, statement) in [
        ("worker", "SELECT FROM api_keys"),
        ("poller", "SELECT FROM api_keys"),
        ("worker", "UPDATE services SET name = name"),
        ("api", "DELETE FROM notifications"),
        ("worker", "CREATE TABLE mine (id int)"),
        ("escalator", "SELECT FROM notifications"),
        ("aggregator", "SELECT ensure_day_partitions(current_date)"),
    ] {
        assert!(
            is_refused(&database, role, statement).await,
            "{role}: {statement}"
        );
    }
}
