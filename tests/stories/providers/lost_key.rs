//! Credentials that no configured key opens: the provider is switched off, or given others.

use carillon_test_support::{MailServer, MailServerOptions, MailServerTls, Stack, StackOptions};
use reqwest::Method;
use serde_json::json;

use super::shell::{Shell, file, refused};
use super::{SECRET, call};

/// Another key than that of [`Shell`].
const OTHER_KEY: &str = "YW5vdGhlci1rZXktb2YtYS1zdG9yeS0zMi1ieXRlcyE=";

#[tokio::test(flavor = "multi_thread")]
async fn on_the_command_line() {
    let server = MailServer::start(MailServerOptions {
        tls: MailServerTls::Starttls,
        login: Some(("ada", SECRET)),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let ca = file(directory.path(), "ca.pem", &server.ca_pem());
    let password = file(directory.path(), "password", SECRET);
    let login = format!("--username ada --password-file {password}");
    let mut shell = Shell::new().await;
    let port = server.port();
    let add = format!("add smtp relay --host localhost --port {port} --ca-file {ca} {login}");
    shell.provider(&add).await.unwrap();

    shell.set("CARILLON__SECURITY__ENCRYPTION_KEY", OTHER_KEY);
    let test = "test relay grace@example.org --from team@example.org";
    let text = refused(shell.provider(test).await, 1);
    assert!(text.contains("does not open"), "{text}");
    for line in ["set relay --active false", "set relay --weight 20"] {
        shell.provider(line).await.unwrap();
    }
    shell
        .provider(&format!("set relay --active true {login}"))
        .await
        .unwrap();
    let said = shell.provider(test).await.unwrap();
    assert!(said.contains("accepted"), "{said}");

    shell.env.retain(|(name, _)| !name.contains("ENCRYPTION"));
    let text = refused(shell.provider(test).await, 1);
    assert!(text.contains("set security.encryption_keys"), "{text}");
    shell.provider("set relay --no-credentials").await.unwrap();
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http() {
    let stack = Stack::start(StackOptions::default()).await;
    let login = json!({"username": "ada", "password": SECRET});
    let relay = json!({
        "name": "relay", "kind": "smtp", "active": false, "settings": {"host": "localhost"},
        "credentials": login,
    });
    let (status, created) = call(&stack, Method::POST, "/api/providers", relay).await;
    assert_eq!(status, 201, "{created}");
    let lose = "UPDATE providers SET sealed_credentials = '\\x01' WHERE name = 'relay'";
    stack.database.execute(lose).await;

    let relay = "/api/providers/relay";
    let test = json!({"recipient": "grace@example.org"});
    let path = format!("{relay}/test");
    let (status, problem) = call(&stack, Method::POST, &path, test).await;
    assert_eq!(status, 500, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("does not open") && detail.contains("security.encryption_keys"),
        "{problem}"
    );
    for (changes, has_credentials) in [
        (json!({"active": true}), true),
        (json!({"active": false, "weight": 20}), true),
        (json!({"credentials": null}), false),
        (json!({"credentials": login}), true),
    ] {
        let (status, changed) = call(&stack, Method::PATCH, relay, changes).await;
        assert_eq!(
            (status, &changed["has_credentials"]),
            (200, &json!(has_credentials)),
            "{changed}"
        );
    }
}
