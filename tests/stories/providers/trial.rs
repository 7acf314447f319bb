//! Test messages, past all queues.

use carillon_test_support::{MailServer, MailServerOptions, MailServerTls, Stack, StackOptions};
use reqwest::Method;
use serde_json::{Value, json};

use super::shell::{Shell, file, refused};
use super::{SECRET, call};

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
    stack.assert_settled().await;
    assert_eq!(stack.sandbox_stats().await["receipts_sent"], 0);
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
