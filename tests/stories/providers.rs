//! Providers by administrators: added, changed, tried and removed, and their credentials never seen
//! again.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use carillon_test_support::{
    MailServer, MailServerOptions, MailServerTls, Process, Stack, StackOptions, TestDatabase,
};
use reqwest::Method;
use serde_json::{Value, json};

/// What must be seen nowhere.
const SECRET: &str = "correct-horse-battery";

/// What is sealed with it in one story is read by no other.
const ENCRYPTION_KEY: &str = "cHJvdmlkZXJzLW9mLXN0b3JpZXMtMzItYnl0ZXMhISE=";

async fn call(stack: &Stack, method: Method, path: &str, body: Value) -> (u16, Value) {
    let body = (!body.is_null()).then_some(&body);
    stack
        .request(method, path, &stack.admin(), body)
        .await
        .unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

/// The command line on a database of its own with two sandboxes, without any process running.
struct Shell {
    env: Vec<(&'static str, String)>,
}

impl Shell {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let shell = Self {
            env: vec![
                ("DATABASE_URL", database.url.clone()),
                (
                    "CARILLON__SECURITY__ENCRYPTION_KEY",
                    ENCRYPTION_KEY.to_owned(),
                ),
                // Where nobody listens.
                ("CARILLON__SANDBOX__URL", "http://127.0.0.1:9".to_owned()),
            ],
        };
        for channel in ["email", "sms"] {
            let add = format!("add sandbox sandbox-{channel} --channel {channel}");
            let said = shell.provider(&add).await.unwrap();
            assert!(
                said.contains(&format!("added provider \"sandbox-{channel}\"")),
                "{said}"
            );
        }
        shell
    }

    /// What `carillon provider …` prints, or why it fails.
    async fn provider(&self, line: &str) -> Result<String, String> {
        let line: Vec<&str> = ["provider"].into_iter().chain(line.split(' ')).collect();
        let done = Process::run("carillon", self.env.clone(), &line).await;
        let (Ok(printed) | Err(printed)) = &done;
        assert!(
            !printed.contains(SECRET),
            "{line:?} shows the secret: {printed}"
        );
        done
    }

    async fn names(&self) -> Vec<(String, bool)> {
        let printed = self.provider("list --format json").await.unwrap();
        let listed: Value = serde_json::from_str(&printed).unwrap();
        let providers = listed["providers"].as_array().unwrap();
        providers
            .iter()
            .map(|p| (p["name"].as_str().unwrap().to_owned(), p["active"] == true))
            .collect()
    }
}

fn refused(result: Result<String, String>, code: i32) -> String {
    let text = result.expect_err("a refusal");
    assert!(text.starts_with(&format!("exit status: {code}:")), "{text}");
    text
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_managed_over_http_and_its_credentials_never_come_back() {
    let stack = Stack::start(StackOptions::default()).await;
    let relay = json!({
        "name": "relay", "kind": "smtp", "active": false,
        "settings": {"host": "mail.example.org"},
        "credentials": {"username": "ada", "password": SECRET},
    });
    let (status, created) = call(&stack, Method::POST, "/api/providers", relay.clone()).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(created["channel"], "email");
    assert_eq!(created["has_credentials"], true);
    let (status, twice) = call(&stack, Method::POST, "/api/providers", relay).await;
    assert_eq!(status, 409, "{twice}");
    assert!(twice["trace_id"].is_string(), "{twice}");

    let changes = json!({"weight": 30, "settings": {"port": 2525}});
    let (status, changed) = call(&stack, Method::PATCH, "/api/providers/relay", changes).await;
    assert_eq!(status, 200, "{changed}");
    let (status, read) = call(&stack, Method::GET, "/api/providers/relay", Value::Null).await;
    assert_eq!((status, &read), (200, &changed));
    assert_eq!(
        (&read["weight"], &read["active"]),
        (&json!(30), &json!(false))
    );
    assert_eq!(read["settings"]["host"], "mail.example.org");
    assert_eq!(read["settings"]["port"], 2525);
    assert_eq!(read["has_credentials"], true);

    let (_, all) = call(&stack, Method::GET, "/api/providers", Value::Null).await;
    assert_eq!(all["providers"].as_array().unwrap().len(), 3, "{all}");
    let shown = stack.carillon(&["provider", "show", "relay"]).await;
    let listed = stack.carillon(&["provider", "list"]).await;
    for text in [
        created.to_string(),
        twice.to_string(),
        changed.to_string(),
        all.to_string(),
        shown,
        listed,
    ] {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains("\"password\""), "{text}");
    }

    let none = json!({"credentials": null});
    let (_, without) = call(&stack, Method::PATCH, "/api/providers/relay", none).await;
    assert_eq!(without["has_credentials"], false, "{without}");
    let (status, _) = call(&stack, Method::DELETE, "/api/providers/relay", Value::Null).await;
    assert_eq!(status, 204);
    for method in [Method::GET, Method::DELETE] {
        let (status, _) = call(&stack, method, "/api/providers/relay", Value::Null).await;
        assert_eq!(status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_provider_is_said_all_at_once_and_nothing_is_kept() {
    let stack = Stack::start(StackOptions::default()).await;
    let wrong = json!({
        "name": "My relay", "kind": "smtp", "channel": "sms", "weight": 101,
        "settings": {"host": "a b", "max_connections": 0},
    });
    let (status, problem) = call(&stack, Method::POST, "/api/providers", wrong).await;
    assert_eq!(status, 422, "{problem}");
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].clone())
        .collect();
    let expected = [
        "name",
        "weight",
        "channel",
        "settings.host",
        "settings.max_connections",
    ];
    assert_eq!(fields, expected);
    let sandbox = "/api/providers/sandbox-email";
    for (changes, field) in [
        (json!({"weight": -1}), "weight"),
        (json!({"settings": {"host": "h"}}), "settings"),
        (
            json!({"credentials": {"username": "ada", "password": SECRET}}),
            "credentials",
        ),
        (json!({"kind": "smtp"}), "kind"),
    ] {
        let (status, problem) = call(&stack, Method::PATCH, sandbox, changes).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(field)),
            "{problem}"
        );
        assert!(!problem.to_string().contains(SECRET), "{problem}");
    }
    let providers = "SELECT count(*) FROM providers WHERE weight = 100 AND active";
    assert_eq!(stack.database.number(providers).await, 2);

    // The token comes before everything else.
    for path in [
        "/api/providers",
        "/api/providers/relay",
        "/api/sender-domains/example.org",
    ] {
        let (status, _) = stack.get(path, "Bearer wrong").await;
        assert_eq!(status, 403, "{path}");
    }
    let (status, problem) = call(
        &stack,
        Method::GET,
        "/api/sender-domains/localhost",
        Value::Null,
    )
    .await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (422, &json!("domain"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_goes_through_the_provider_and_past_the_queues() {
    let stack = Stack::start(StackOptions::default()).await;
    let test = "/api/providers/sandbox-email/test";
    let to = |recipient: &str| json!({"recipient": recipient});
    let (status, tried) = call(&stack, Method::POST, test, to("ada@example.org")).await;
    assert_eq!(
        (status, &tried["outcome"]),
        (200, &json!("accepted")),
        "{tried}"
    );
    assert!(tried["reference"].is_string(), "{tried}");
    let calls = stack.sandbox_calls().await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0]["recipient"], "ada@example.org");
    assert_eq!(
        stack
            .database
            .number("SELECT count(*) FROM notifications")
            .await,
        0
    );

    for (body, field) in [
        (to("nobody"), "recipient"),
        (json!({"recipient": "ada@example.org", "from": "x"}), "from"),
        (json!({}), "recipient"),
    ] {
        let (status, problem) = call(&stack, Method::POST, test, body).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(field)),
            "{problem}"
        );
    }
    let (status, _) = call(
        &stack,
        Method::POST,
        "/api/providers/none/test",
        to("a@b.org"),
    )
    .await;
    assert_eq!(status, 404);

    stack.control_sandbox(&json!({"fail_all": true})).await;
    let (status, tried) = call(&stack, Method::POST, test, to("ada@example.org")).await;
    assert_eq!(
        (status, &tried["reference"]),
        (200, &Value::Null),
        "{tried}"
    );
    assert_ne!(tried["outcome"], "accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_is_tried_before_it_is_added_on_the_command_line() {
    let server = MailServer::start(MailServerOptions {
        tls: MailServerTls::Starttls,
        login: Some(("ada", SECRET)),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let ca = file(directory.path(), "ca.pem", &server.ca_pem());
    let right = file(directory.path(), "right", &format!("{SECRET}\n"));
    let wrong = file(directory.path(), "wrong", "guess");
    let port = server.port().to_string();
    let shell = Shell::new().await;
    let add = async |password: &str, to: &str| {
        let line = format!(
            "add smtp relay --host localhost --port {port} --ca-file {ca} --username ada \
             --password-file {password} --from team@example.org --test {to}"
        );
        shell.provider(&line).await
    };

    let text = refused(add(&wrong, "grace@example.org").await, 1);
    assert!(
        text.contains("was not saved") && text.contains("credentials"),
        "{text}"
    );
    let text = refused(add(&right, "reject@example.org").await, 1);
    assert!(text.contains("rejected"), "{text}");
    assert!(server.messages().is_empty());
    assert_eq!(shell.names().await.len(), 2);

    let said = add(&right, "grace@example.org").await.unwrap();
    assert!(said.contains("accepted"), "{said}");
    // The sandbox would take half of the mail: how to switch it off is said.
    assert!(
        said.contains("carillon provider set sandbox-email --active false"),
        "{said}"
    );
    let messages = server.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["from"], "team@example.org", "{messages:?}");
    assert!(
        messages[0]["data"]
            .as_str()
            .unwrap()
            .contains("test message from Carillon")
    );
    let text = refused(add(&right, "grace@example.org").await, 1);
    assert!(text.contains("already exists"), "{text}");
    assert_eq!(
        server.messages().len(),
        1,
        "nothing is sent for a name that is taken"
    );

    // And with what was sealed.
    let test = "test relay grace@example.org --from team@example.org";
    let said = shell.provider(test).await.unwrap();
    assert!(said.contains("accepted"), "{said}");
    let test = "test relay reject@example.org --from team@example.org";
    let text = refused(shell.provider(test).await, 1);
    assert!(text.contains("did not take the test message"), "{text}");
    assert_eq!(server.messages().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_change_places_on_the_command_line() {
    let shell = Shell::new().await;
    let add = "add smtp --host mail.example.org --only";
    let said = shell.provider(add).await.unwrap();
    assert!(
        said.contains("set provider \"sandbox-email\" inactive"),
        "{said}"
    );
    let active = |name: &str, is_so| (name.to_owned(), is_so);
    let expected = [
        active("sandbox-email", false),
        active("sandbox-sms", true),
        active("smtp", true),
    ];
    assert_eq!(shell.names().await, expected);

    let text = refused(shell.provider("remove smtp").await, 1);
    assert!(text.contains("last active provider of email"), "{text}");
    let text = refused(shell.provider("set smtp --region eu-west-1").await, 2);
    assert!(text.contains("region"), "{text}");
    let text = refused(shell.provider("set smtp --username ada").await, 2);
    assert!(text.contains("--password-file"), "{text}");
    shell
        .provider("set smtp --port 2525 --weight 40")
        .await
        .unwrap();
    let shown = shell.provider("show smtp").await.unwrap();
    assert!(
        shown.contains("port: 2525") && shown.contains("100 % of email"),
        "{shown}"
    );
    let said = shell.provider("set smtp --active false").await.unwrap();
    assert!(said.contains("No active provider"), "{said}");
    shell.provider("remove smtp").await.unwrap();
    let text = refused(shell.provider("show smtp").await, 1);
    assert!(text.contains("does not exist"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_may_come_from_the_environment() {
    let mut shell = Shell::new().await;
    let add = "add smtp relay --host mail.example.org --username ada";
    let text = refused(shell.provider(add).await, 2);
    assert!(text.contains("CARILLON_PROVIDER_PASSWORD"), "{text}");
    shell
        .env
        .push(("CARILLON_PROVIDER_PASSWORD", SECRET.to_owned()));
    shell.provider(add).await.unwrap();
    shell.env.pop();
    let shown = shell.provider("show relay --format json").await.unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["has_credentials"], true);
    shell.provider("set relay --no-credentials").await.unwrap();
    let shown = shell.provider("show relay").await.unwrap();
    assert!(shown.contains("credentials: none"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_dns_does_not_answer_for_is_not_called_fine() {
    let shell = Shell::new().await;
    // Bound and never read: a resolver that is silent.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = silent.local_addr().unwrap().to_string();
    let check = format!("check example.org --resolver {resolver}");
    let text = refused(shell.provider(&check).await, 1);
    assert!(text.contains("example.org: not fine yet"), "{text}");
}
