//! `carillon doctor` says what is wrong and what to do, and nothing when nothing is.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use carillon_test_support::{
    Environment, Stack, StackOptions, TestDatabase, amqp_url, eventually, free_port, prefix,
};
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;

const ENCRYPTION_KEY: &str = "ZG9jdG9yLXN0b3JpZXMtdXNlLXRoaXMta2V5LTMyYiE=";
const KEY_VARIABLE: &str = "CARILLON__SECURITY__ENCRYPTION_KEY";

/// Whatever is dead, a person waits no longer.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// What the command printed, and its exit code.
struct Diagnosis {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Diagnosis {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// The first check of this name: its state, and what it says.
    fn check(&self, name: &str) -> (String, String) {
        let json = self.json();
        let checks = json["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["check"] == name);
        let check = check.unwrap_or_else(|| panic!("{name} was not checked: {json:#}"));
        let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        (
            text("state"),
            format!("{} → {}", text("found"), text("todo")),
        )
    }

    fn failed(&self) -> Vec<Value> {
        let json = self.json();
        let checks = json["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["state"] == "problem")
            .cloned()
            .collect()
    }
}

async fn doctor(env: &[(&'static str, String)], args: &'static [&'static str]) -> Diagnosis {
    let mut command = Command::new(Environment::get().bin_dir().join("carillon"));
    command
        .arg("doctor")
        .args(args)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null());
    let began = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert!(began.elapsed() < ENDS_WITHIN, "{:?}", began.elapsed());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Diagnosis {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The settings of a stack's processes, as its operator has them.
fn settings_of(stack: &Stack) -> Vec<(&'static str, String)> {
    let listen = stack.api_url.trim_start_matches("http://").to_owned();
    vec![
        ("DATABASE_URL", stack.database.url.clone()),
        ("AMQP_URL", amqp_url()),
        ("CARILLON__AMQP__PREFIX", stack.prefix.clone()),
        ("CARILLON__API__LISTEN", listen),
        ("CARILLON__SANDBOX__URL", stack.sandbox_url.clone()),
        (
            "CARILLON__HEALTH__LISTEN",
            format!("127.0.0.1:{}", free_port()),
        ),
        (KEY_VARIABLE, ENCRYPTION_KEY.to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_installation_has_no_failure_and_a_broken_one_is_told_what_to_do() {
    let mut stack = Stack::start(StackOptions {
        env: vec![(KEY_VARIABLE, ENCRYPTION_KEY.to_owned())],
        ..StackOptions::default()
    })
    .await;
    let sent = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&sent, "delivered").await;
    let env = settings_of(&stack);

    let healthy = doctor(&env, &["--format", "json"]).await;
    assert_eq!(healthy.failed(), [] as [Value; 0], "{}", healthy.stderr);
    assert_eq!(
        (healthy.code, &healthy.json()["ok"]),
        (Some(0), &true.into())
    );
    for name in [
        "sources",
        "encryption keys",
        "writes",
        "migrations",
        "partitions",
        "stranded",
        "overdue",
        "API keys",
        "version",
        "queues",
        "arguments",
        "consumers",
        "dead letters",
        "API here",
        "API for clients",
        "email",
        "sms",
        "sandbox-email",
    ] {
        let (state, says) = healthy.check(name);
        assert_eq!(state, "ok", "{name}: {says}");
    }
    // How far and how well synchronised they are is up to the machine, which may be busy.
    for name in ["server", "broker", "clock"] {
        let (state, says) = healthy.check(name);
        assert!(["ok", "warning"].contains(&&*state), "{name}: {says}");
    }
    let people = doctor(&env, &[]).await;
    assert_eq!(people.code, Some(0), "{}", people.stderr);
    let writes = people.stdout.lines().find(|line| line.contains(" writes "));
    let is_ok = writes.is_some_and(|line| line.starts_with("ok    PostgreSQL  "));
    assert!(is_ok, "{}", people.stdout);
    assert!(!people.stdout.contains("FAIL  "), "{}", people.stdout);

    stack.kill_worker();
    drop_todays_partition(&stack.database).await;
    declare_otherwise(&format!("{}database", stack.prefix)).await;
    let broken = eventually("the consumers are gone", ENDS_WITHIN, async || {
        let broken = doctor(&env, &["--format", "json"]).await;
        (broken.check("consumers").1.contains("any queue")).then_some(broken)
    })
    .await;
    assert_eq!(
        (broken.code, &broken.json()["ok"]),
        (Some(1), &false.into())
    );
    for (name, advice) in [
        ("consumers", "start carillon-worker"),
        ("partitions", "run `carillon migrate`"),
        ("arguments", "rabbitmqctl delete_queue"),
    ] {
        let (state, says) = broken.check(name);
        assert_eq!(state, "problem", "{name}: {says}");
        assert!(says.contains(advice), "{name}: {says}");
    }
    let quiet = doctor(&env, &["--quiet"]).await;
    assert_eq!(quiet.code, Some(1));
    assert!(quiet.stdout.contains("FAIL  RabbitMQ"), "{}", quiet.stdout);
    assert!(
        quiet.stdout.contains("      → start carillon-worker"),
        "{}",
        quiet.stdout
    );
    assert!(
        !quiet.stdout.lines().any(|line| line.starts_with("ok ")),
        "{}",
        quiet.stdout
    );
    assert!(
        quiet.stderr.contains("something does not work"),
        "{}",
        quiet.stderr
    );
}

async fn drop_todays_partition(database: &TestDatabase) {
    let client = database.client().await;
    let today = "SELECT to_char(carillon_now() AT TIME ZONE 'UTC', 'YYYYMMDD')";
    let today: String = client.query_one(today, &[]).await.unwrap().get(0);
    database
        .execute(&format!("DROP TABLE notifications_{today}"))
        .await;
}

/// Puts a classic queue into the place of a quorum queue.
async fn declare_otherwise(name: &str) {
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&amqp_url(), properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let delete = QueueDeleteOptions::default();
    channel.queue_delete(name.into(), delete).await.unwrap();
    let mut classic = FieldTable::default();
    classic.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("classic".into()),
    );
    let durable = QueueDeclareOptions::durable();
    channel
        .queue_declare(name.into(), durable, classic)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_servers_it_says_which_is_missing_and_shows_no_password() {
    let nobody = free_port();
    let env = [
        (
            "DATABASE_URL",
            format!("postgres://u:hunter2@127.0.0.1:{nobody}/c?sslmode=disable"),
        ),
        (
            "CARILLON__API__LISTEN",
            format!("127.0.0.1:{}", free_port()),
        ),
        (
            "CARILLON__HEALTH__LISTEN",
            format!("127.0.0.1:{}", free_port()),
        ),
    ];
    let found = doctor(&env, &["--format", "json"]).await;
    assert_eq!(found.code, Some(1));
    assert!(!found.stdout.contains("hunter2") && !found.stderr.contains("hunter2"));
    for (name, says_what) in [
        ("sources", "AMQP_URL"),
        ("encryption keys", "openssl rand -base64 32"),
        ("server", &*format!("127.0.0.1:{nobody}")),
        ("broker", "set AMQP_URL"),
        ("API for clients", "start carillon-api"),
    ] {
        let (state, says) = found.check(name);
        assert_eq!(state, "problem", "{name}: {says}");
        assert!(says.contains(says_what), "{name}: {says}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_never_answer_cost_seconds() {
    // The system takes the connections, and nobody ever answers.
    let [postgres, rabbitmq, api] = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let at = |listener: &TcpListener| listener.local_addr().unwrap();
    let env = [
        (
            "DATABASE_URL",
            format!("postgres://u:p@{}/c?sslmode=disable", at(&postgres)),
        ),
        ("AMQP_URL", format!("amqp://u:p@{}", at(&rabbitmq))),
        ("CARILLON__API__LISTEN", at(&api).to_string()),
        (KEY_VARIABLE, ENCRYPTION_KEY.to_owned()),
    ];
    let found = doctor(&env, &["--format", "json"]).await;
    assert_eq!(found.code, Some(1));
    for name in ["server", "broker", "API here"] {
        let (state, says) = found.check(name);
        assert_eq!(state, "problem", "{name}: {says}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_an_empty_broker_and_database_makes_nothing() {
    let database = TestDatabase::create_empty().await;
    let env = [
        ("DATABASE_URL", database.url.clone()),
        ("AMQP_URL", amqp_url()),
        ("CARILLON__AMQP__PREFIX", prefix()),
    ];
    for _ in 0..2 {
        let found = doctor(&env, &["--format", "json"]).await;
        let (state, says) = found.check("migrations");
        assert_eq!(state, "problem");
        assert!(says.contains("run `carillon migrate`"), "{says}");
        let (state, says) = found.check("queues");
        assert_eq!(state, "problem");
        assert!(says.starts_with("none is there"), "{says}");
    }
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(database.number(tables).await, 0);
}
