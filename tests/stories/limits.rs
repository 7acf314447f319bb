//! Limits: requests in a minute, messages in a day, and the brake on what bounces.

use std::time::Duration;

use carillon_test_support::{
    Member, OwnPostgres, Process, Stack, StackOptions, amqp_url, eventually, free_port,
};
use futures::future::join_all;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// What changes is known everywhere within this time on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// A service with limits of its own from its first request on, a live and a team key, and templates.
struct Service {
    base: String,
    live: String,
    team: String,
    email: Value,
    sms: Value,
}

impl Service {
    async fn with(stack: &Stack, limits: &Value) -> Self {
        let admin = stack.admin();
        let made = async |path: &str, body: Value| {
            let (status, made) = stack.post(path, &admin, &body).await;
            assert_eq!(status, 201, "{path}: {made}");
            made
        };
        let service = made("/api/services", json!({ "name": "Ely" })).await;
        let base = format!("/api/services/{}", service["id"].as_str().unwrap());
        let changed = stack.request(Method::PATCH, &base, &admin, Some(limits));
        let (status, changed) = changed.await.unwrap();
        assert_eq!(status, 200, "{changed}");
        let key = async |key_type: &str| {
            let body = json!({ "name": key_type, "key_type": key_type });
            let key = made(&format!("{base}/keys"), body).await;
            format!("ApiKey-v1 {}", key["key"].as_str().unwrap())
        };
        let (live, team) = (key("normal").await, key("team").await);
        let templates = format!("{base}/templates");
        let email = json!({ "channel": "email", "name": "E", "subject": "S", "body": "Hi" });
        let sms = json!({ "channel": "sms", "name": "S", "body": "Hi" });
        let id = async |template| made(&templates, template).await["id"].clone();
        Self {
            live,
            team,
            email: json!({ "email_address": "ada@example.org", "template_id": id(email).await }),
            sms: json!({ "phone_number": "07700900123", "template_id": id(sms).await }),
            base,
        }
    }

    fn mailing(&self, n_rows: usize) -> Value {
        let mut rows = vec![json!(["email address"])];
        rows.extend((0..n_rows).map(|n| json!([format!("r{n}@example.org")])));
        json!({ "name": "M", "template_id": self.email["template_id"], "rows": rows })
    }

    async fn usage(&self, stack: &Stack) -> Value {
        let path = format!("{}/usage", self.base);
        let (status, usage) = stack.get(&path, &stack.admin()).await;
        assert_eq!(status, 200, "{usage}");
        usage
    }
}

async fn post(url: String, key: &str, body: &Value) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).header("Authorization", key).json(body);
    request.send().await.unwrap()
}

/// The error's class and message, and after how many seconds to come again.
async fn refusal(answer: Response) -> (u16, String, String, u64) {
    let status = answer.status().as_u16();
    let after = answer.headers().get("retry-after").cloned();
    let after = after.and_then(|after| after.to_str().unwrap().parse().ok());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status_code"], status, "{body}");
    let text = |field: &str| body["errors"][0][field].as_str().unwrap().to_owned();
    (status, text("error"), text("message"), after.unwrap_or(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_makes_so_many_requests_a_minute_with_each_type_of_key() {
    let stack = Stack::start(StackOptions::default()).await;
    let service = Service::with(&stack, &json!({ "rate_limit": 4 })).await;
    let url = |path: &str| format!("{}{path}", stack.api_url);
    let (live, team) = (&service.live, &service.team);
    // Whoever is not the service uses nothing up.
    let stranger = format!("{}0", &live[..live.len() - 1]);
    let stranger = if &stranger == live {
        format!("{}1", &live[..live.len() - 1])
    } else {
        stranger
    };
    for _ in 0..6 {
        let answer = post(url("/email"), &stranger, &service.email).await;
        assert_eq!(answer.status(), 403);
    }
    // A mailing is one request, and so is one that is not as it must be.
    for (path, body, status) in [
        ("/email", &service.email, 201),
        ("/v2/notifications/sms", &service.sms, 201),
        ("/bulk", &service.mailing(3), 201),
        ("/email", &json!({}), 400),
    ] {
        let answer = post(url(path), live, body).await;
        assert_eq!(answer.status(), status, "{path}");
    }
    // Before anything else is looked at.
    for (path, body) in [("/email", &json!({})), ("/bulk", &service.mailing(3))] {
        let (status, class, message, after) = refusal(post(url(path), live, body).await).await;
        assert_eq!((status, &*class), (429, "RateLimitError"));
        assert_eq!(
            message,
            "Exceeded rate limit for key type LIVE of 4 requests per 60 seconds"
        );
        assert!((1..=15).contains(&after), "{after}");
    }
    let answer = post(url("/email"), team, &json!({})).await;
    assert_eq!(answer.status(), 400, "another type of key");
    stack.assert_settled().await;
}

/// One more process of the API, and where it answers.
async fn another_api(stack: &Stack) -> (Process, String) {
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let process = stack.another(Member::Api, &[("CARILLON__API__LISTEN", listen)]);
    let client = Client::builder().no_proxy().build().unwrap();
    eventually("another API is ready", WITHIN, async || {
        let answer = client.get(format!("{url}/readyz")).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    (process, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_as_many_as_the_daily_limit_are_accepted_whoever_races() {
    let stack = Stack::start(StackOptions::default()).await;
    let (_another, another_url) = another_api(&stack).await;
    let service = Service::with(&stack, &json!({ "email_daily_limit": 50 })).await;
    let (live, email) = (&service.live, &service.email);
    let posts = (0..160).map(|n| {
        let base = if n % 2 == 0 {
            &stack.api_url
        } else {
            &another_url
        };
        post(format!("{base}/email"), live, email)
    });
    let mut n_accepted = 0;
    for answer in join_all(posts).await {
        if answer.status() == 201 {
            n_accepted += 1;
            continue;
        }
        let (status, class, message, after) = refusal(answer).await;
        assert_eq!((status, &*class), (429, "TooManyRequestsError"));
        assert_eq!(message, "Exceeded send limits (email: 50) for today");
        assert!((1..=86_400).contains(&after), "{after}");
    }
    assert_eq!(n_accepted, 50);
    let usage = service.usage(&stack).await;
    assert_eq!(
        usage["email"],
        json!({ "used": 50, "limit": 50, "left": 0 })
    );
    assert_eq!(usage["sms"]["used"], 0);
    // Only this channel; and whatever else is wrong is said first, for it takes nothing.
    for (path, body, status) in [
        ("/bulk", service.mailing(1), 429),
        ("/sms", service.sms.clone(), 201),
        (
            "/email",
            json!({ "email_address": "x", "template_id": email["template_id"] }),
            400,
        ),
    ] {
        let answer = post(format!("{another_url}{path}"), live, &body).await;
        assert_eq!(answer.status(), status, "{path}");
    }
    stack.assert_settled().await;
    let saved = "SELECT count(*) FROM notifications WHERE channel = 'email'";
    assert_eq!(stack.database.number(saved).await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailing_takes_all_its_rows_from_the_day_or_none() {
    let stack = Stack::start(StackOptions::default()).await;
    let service = Service::with(&stack, &json!({ "email_daily_limit": 6 })).await;
    let url = |path: &str| format!("{}{path}", stack.api_url);
    let live = &service.live;
    for (path, body, status) in [
        ("/bulk", service.mailing(7), 429),
        ("/bulk", service.mailing(4), 201),
        ("/email", service.email.clone(), 201),
        ("/bulk", service.mailing(2), 429),
        ("/bulk", service.mailing(1), 201),
        ("/email", service.email.clone(), 429),
    ] {
        let answer = post(url(path), live, &body).await;
        assert_eq!(answer.status(), status, "{path} {body}");
    }
    assert_eq!(service.usage(&stack).await["email"]["used"], 6);
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_messages_go_on_and_in_the_end_the_counter_knows_exactly_how_many() {
    let postgres = OwnPostgres::new().await;
    let database = postgres.database().await;
    let options = StackOptions {
        database: Some(database),
        ..StackOptions::default()
    };
    let mut stack = Stack::start(options).await;
    let limits = json!({ "rate_limit": 600, "email_daily_limit": 100_000 });
    let service = Service::with(&stack, &limits).await;
    let send = async |n: usize| {
        for _ in 0..n {
            let url = format!("{}/email", stack.api_url);
            assert_eq!(post(url, &service.live, &service.email).await.status(), 201);
        }
    };
    send(20).await;
    // Slow, and not away: statements that nobody waits for any more are carried out all the same.
    let slow = stack.database.client().await;
    let hold = "BEGIN; SELECT FROM service_daily_counts FOR UPDATE";
    slow.batch_execute(hold).await.unwrap();
    let mut n_sent = 20;
    let client = Client::builder().no_proxy().build().unwrap();
    let metrics = format!("{}/metrics", stack.api_url);
    eventually("nobody waits for the counter", WITHIN, async || {
        send(5).await;
        n_sent += 5;
        let answer = client.get(&metrics).send().await.ok()?;
        let metrics = answer.text().await.ok()?;
        let failed = |line: &&str| {
            line.starts_with("carillon_limit_leases_total")
                && line.contains("daily")
                && line.contains("error")
        };
        let n_failed = metrics.lines().find(failed)?.rsplit(' ').next()?;
        (n_failed.parse::<f64>().ok()? >= 2.0).then_some(())
    })
    .await;
    slow.batch_execute("ROLLBACK").await.unwrap();
    postgres.stop().await;
    send(40).await;
    postgres.start().await;
    eventually("the counter knows", WITHIN, async || {
        let path = format!("{}/usage", service.base);
        let answer = stack
            .request(Method::GET, &path, &stack.admin(), None)
            .await;
        let (_, usage) = answer.ok()?;
        (usage["email"]["used"].as_u64()? >= n_sent + 40).then_some(())
    })
    .await;
    send(5).await;
    // What is leased is handed back.
    stack.terminate_process(Member::Api).await;
    let counted = "SELECT n FROM service_daily_counts WHERE channel = 'email'";
    let n_counted = stack.database.number(counted).await;
    assert_eq!(n_counted.cast_unsigned(), n_sent + 45);
    stack.start_api(&[]).await;
    stack.assert_settled().await;
    postgres.destroy().await;
}

/// Reports hard bounces, as a provider would.
async fn bounce(stack: &Stack, ids: &[&str]) {
    let receipts: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({
                "notification_id": id, "event_id": format!("bounce-of-{id}"), "provider": "sandbox",
                "reference": "r", "kind": "permanent-failure", "at": carillon_core::clock::now(),
            })
        })
        .collect();
    let body = json!({ "receipts": receipts }).to_string();
    let connection = Connection::connect(&amqp_url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut headers = FieldTable::default();
    headers.insert("x-version".into(), AMQPValue::ShortUInt(1));
    let properties = BasicProperties::default()
        .with_type("apply-receipts".into())
        .with_headers(headers);
    let queue = format!("{}ses-callbacks", stack.prefix);
    channel
        .basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            properties,
        )
        .await
        .unwrap()
        .await
        .unwrap();
    connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_mail_bounces_is_braked_until_somebody_releases_it() {
    let options = StackOptions {
        env: vec![("CARILLON__LIMITS__BOUNCE_LEAST_EMAILS", "10".to_owned())],
        ..StackOptions::default()
    };
    let mut stack = Stack::start(options).await;
    let (service_id, admin) = (stack.demo("SERVICE_ID").to_owned(), stack.admin());
    let service_id = service_id.as_str();
    let to = |n: usize| format!("r{n}@example.org");
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(stack.send_email(&to(n), "Ada").await);
    }
    for id in &ids {
        stack.until_status(id, "delivered").await;
    }
    let later = carillon_core::clock::now() + chrono::TimeDelta::minutes(30);
    let scheduled = json!({
        "email_address": to(11), "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "personalisation": { "name": "Ada" },
        "scheduled_for": later.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    let (status, scheduled) = stack.post("/email", &stack.key(), &scheduled).await;
    assert_eq!(status, 201, "{scheduled}");
    let waiting = scheduled["id"].as_str().unwrap();

    bounce(&stack, &[&ids[0]]).await;
    let listed = "SELECT count(*) FROM suppressions";
    eventually("the bounce is known", WITHIN, async || {
        (stack.database.number(listed).await == 1).then_some(())
    })
    .await;
    let minute = Duration::from_secs(60);
    stack.database.advance_clock(minute).await;
    let path = format!("/api/services/{service_id}");
    let braked = eventually("the service is braked", WITHIN, async || {
        let (_, service) = stack.get(&path, &admin).await;
        service["email_braked_at"].is_string().then_some(service)
    })
    .await;
    assert_eq!(
        braked["email_bounces"],
        json!({ "sent": 10, "hard_bounced": 1, "percent": 10.0, "health": "critical" })
    );
    let body = json!({
        "email_address": to(12), "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "personalisation": { "name": "Ada" },
    });
    let refused = eventually("new e-mail is refused", WITHIN, async || {
        let (status, answer) = stack.post("/email", &stack.key(), &body).await;
        (status == 403).then_some(answer)
    })
    .await;
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("bounce-brake"), "{refused}");
    let test_key = format!("ApiKey-v1 {}", stack.demo("API_KEY_TEST"));
    // A worker knows a service for some seconds; a new one knows nothing yet.
    stack.terminate_process(Member::Worker).await;
    stack.start_worker(&[]).await;
    let (status, to_nobody) = stack.post("/email", &test_key, &body).await;
    assert_eq!(status, 201, "what goes to nobody goes on");
    let to_nobody = to_nobody["id"].as_str().unwrap();
    stack.until_status(to_nobody, "delivered").await;
    let sms = stack.send_sms("07700900123", "Ada").await;
    stack.until_status(&sms, "delivered").await;

    // What waited comes to its turn and is held.
    stack.database.advance_clock(minute * 30).await;
    eventually("the scheduled one is held", WITHIN, async || {
        let timeline = stack.timeline(waiting).await;
        let held = timeline
            .iter()
            .any(|(_, reason)| reason.as_deref() == Some("bounce-brake"));
        held.then_some(())
    })
    .await;

    let release = [
        "service",
        "release-brake",
        service_id,
        "--reason",
        "list cleaned",
    ];
    let printed = stack.carillon(&release).await;
    assert!(printed.starts_with("released"), "{printed}");
    let usage = stack.carillon(&["service", "usage", service_id]).await;
    assert!(usage.contains("(1 of 10 bounced), released"), "{usage}");
    let (status, problem) = stack
        .post(
            &format!("{path}/release-brake"),
            &admin,
            &json!({ "reason": "again" }),
        )
        .await;
    assert_eq!(status, 409, "{problem}");
    stack.terminate_process(Member::Worker).await;
    stack.start_worker(&[]).await;
    stack.database.advance_clock(minute).await;
    stack.until_status(waiting, "delivered").await;
    let sent = eventually("new e-mail is accepted", WITHIN, async || {
        stack.try_send_email(&to(13), "Ada").await.ok()
    })
    .await;
    stack.until_status(&sent, "delivered").await;
    stack.assert_settled().await;
}
