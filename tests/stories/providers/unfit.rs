//! Changes that would do harm: a password for another server, a provider that cannot work.

use carillon_test_support::{Stack, StackOptions};
use reqwest::Method;
use serde_json::{Value, json};

use super::shell::{Shell, file, refused};
use super::{SECRET, call};

const GARBAGE: &str = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_sent_to_no_server_that_it_was_not_given_for() {
    let stack = Stack::start(StackOptions::default()).await;
    let login = json!({"username": "ada", "password": SECRET});
    let relay = json!({
        "name": "relay", "kind": "smtp", "active": false, "settings": {"host": "mail.example.org"},
        "credentials": login,
    });
    let (status, created) = call(&stack, Method::POST, "/api/providers", relay).await;
    assert_eq!(status, 201, "{created}");
    let relay = "/api/providers/relay";
    for settings in [
        json!({"host": "elsewhere.example.net"}),
        json!({"port": 2525}),
    ] {
        let changes = json!({ "settings": settings });
        let (status, problem) = call(&stack, Method::PATCH, relay, changes).await;
        let field = &problem["errors"][0]["field"];
        assert_eq!((status, field), (422, &json!("credentials")), "{problem}");
    }
    let (_, read) = call(&stack, Method::GET, relay, Value::Null).await;
    assert_eq!(read, created);
    let changes = json!({"settings": {"host": "elsewhere.example.net"}, "credentials": login});
    let (status, changed) = call(&stack, Method::PATCH, relay, changes).await;
    assert_eq!(status, 200, "{changed}");

    let directory = tempfile::tempdir().unwrap();
    let password = file(directory.path(), "password", SECRET);
    let login = format!("--username ada --password-file {password}");
    let shell = Shell::new().await;
    let add = format!("add smtp relay --host mail.example.org {login}");
    shell.provider(&add).await.unwrap();
    let set = "set relay --host elsewhere.example.net";
    let text = refused(shell.provider(set).await, 2);
    assert!(text.contains("credentials: must be given again"), "{text}");
    for more in [&*login, "--no-credentials"] {
        shell.provider(&format!("{set} {more}")).await.unwrap();
        let back = format!("set relay --host mail.example.org {login}");
        shell.provider(&back).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_work_is_not_saved_over_http() {
    let stack = Stack::start(StackOptions::default()).await;
    let garbage = json!({"host": "localhost", "ca_pem": GARBAGE});
    for (new, words) in [
        (json!({"name": "a", "kind": "ses"}), "no AWS region"),
        (json!({"name": "b", "kind": "sns"}), "no AWS region"),
        (
            json!({"name": "c", "kind": "smtp", "settings": garbage}),
            "TLS",
        ),
    ] {
        let (status, problem) = call(&stack, Method::POST, "/api/providers", new).await;
        let error = &problem["errors"][0];
        assert_eq!(
            (status, &error["field"]),
            (422, &json!("settings")),
            "{problem}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{problem}"
        );
    }
    let new = json!({"name": "ses", "kind": "ses", "settings": {"region": "eu-west-1"}});
    let (status, created) = call(&stack, Method::POST, "/api/providers", new).await;
    assert_eq!(status, 201, "{created}");
    let ses = "/api/providers/ses";
    let changes = json!({"settings": {"region": null}});
    let (status, problem) = call(&stack, Method::PATCH, ses, changes).await;
    assert_eq!(status, 422, "{problem}");
    // One that has come to be so can be switched off, but not on.
    let lose = "UPDATE providers SET settings = '{}' WHERE name = 'ses'";
    stack.database.execute(lose).await;
    for (active, expected) in [(false, 200), (true, 422)] {
        let changes = json!({ "active": active });
        let (status, answer) = call(&stack, Method::PATCH, ses, changes).await;
        assert_eq!(status, expected, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_work_takes_nobody_s_place_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let garbage = file(directory.path(), "ca.pem", GARBAGE);
    let mut shell = Shell::new().await;
    let before = shell.names().await;
    for (line, words) in [
        ("add ses --only".to_owned(), "no AWS region"),
        ("add sns --inactive".to_owned(), "no AWS region"),
        (
            format!("add smtp --host localhost --ca-file {garbage} --only"),
            "TLS",
        ),
    ] {
        let text = refused(shell.provider(&line).await, 2);
        assert!(text.contains(words), "{text}");
        assert_eq!(shell.names().await, before);
    }

    // The workers' environment may be another than the command's.
    shell.set("AWS_REGION", "eu-west-1");
    let said = shell.provider("add ses").await.unwrap();
    assert!(said.contains("workers need AWS_REGION"), "{said}");
    let said = shell.provider("set ses --weight 20").await.unwrap();
    assert!(!said.contains("AWS_REGION"), "{said}");
    shell.env.pop();
    shell.provider("set ses --active false").await.unwrap();
    let text = refused(shell.provider("set ses --active true").await, 2);
    assert!(text.contains("no AWS region"), "{text}");
    let set = "set ses --active true --region eu-west-1";
    let said = shell.provider(set).await.unwrap();
    assert!(!said.contains("AWS_REGION"), "{said}");
}
