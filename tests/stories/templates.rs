//! Templates by a person: looked at with values, sent as a test, and what they once said.

use carillon_test_support::{Stack, StackOptions};
use serde_json::{Value, json};

/// A template of the demo service, and its path in the management API.
async fn template(stack: &Stack, new: Value) -> (String, String) {
    let templates = format!("/api/services/{}/templates", stack.demo("SERVICE_ID"));
    let (status, created) = stack.post(&templates, &stack.admin(), &new).await;
    assert_eq!(status, 201, "{created}");
    let id = created["id"].as_str().unwrap();
    (id.to_owned(), format!("{templates}/{id}"))
}

fn email(body: &str) -> Value {
    json!({ "channel": "email", "name": "T", "subject": "Hi ((name))", "body": body })
}

async fn carillon(stack: &Stack, verb: &str, id: &str, more: &[&str]) -> String {
    let args = ["template", verb, stack.demo("SERVICE_ID"), id];
    stack.carillon(&[&args[..], more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_would_be_sent_and_what_is_missing() {
    let stack = Stack::start(StackOptions::default()).await;
    let (id, path) = template(&stack, email("# Title\n\n((name)) <b>((extra))</b>")).await;
    let preview = format!("{path}/preview");
    let values = json!({ "personalisation": { "Name": "Ada" } });
    let (status, shown) = stack.post(&preview, &stack.admin(), &values).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(
        (&shown["id"], &shown["version"], &shown["channel"]),
        (&json!(id), &json!(1), &json!("email"))
    );
    assert_eq!(shown["subject"], "Hi Ada");
    assert_eq!(shown["missing"], json!(["extra"]));
    let (text, html) = (
        shown["text"].as_str().unwrap(),
        shown["html"].as_str().unwrap(),
    );
    assert!(
        text.contains("((extra))") && html.contains("((extra))"),
        "{shown}"
    );
    assert!(html.contains("<html") && !html.contains("<b>"), "{html}");

    // The command line says the same.
    let set = ["--set", "name=Ada"];
    let printed = carillon(
        &stack,
        "preview",
        &id,
        &[&set[..], &["--format", "json"]].concat(),
    )
    .await;
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), shown);
    let printed = carillon(
        &stack,
        "preview",
        &id,
        &[&set[..], &["--format", "html"]].concat(),
    )
    .await;
    assert_eq!(printed.trim_end(), html.trim_end());
    let printed = carillon(&stack, "preview", &id, &set).await;
    assert!(printed.starts_with("Subject: Hi Ada\n\n"), "{printed}");

    // And Notify's clients get the HTML too.
    let all = json!({ "personalisation": { "name": "Ada", "extra": "x" } });
    let (status, shown) = stack
        .post(&format!("/v2/template/{id}/preview"), &stack.key(), &all)
        .await;
    assert_eq!(status, 200, "{shown}");
    assert!(shown["html"].as_str().unwrap().contains("<html"), "{shown}");

    for (body, field) in [
        (
            json!({ "personalisation": { "name": {} } }),
            "personalisation",
        ),
        (json!({ "values": {} }), "values"),
    ] {
        let (status, problem) = stack.post(&preview, &stack.admin(), &body).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_a_text_message_says_what_it_takes() {
    let stack = Stack::start(StackOptions::default()).await;
    let new = json!({ "channel": "sms", "name": "T", "body": "Hi ((name))" });
    let (id, path) = template(&stack, new).await;
    let values = json!({ "personalisation": { "name": "ŵ".repeat(80) } });
    let (status, shown) = stack
        .post(&format!("{path}/preview"), &stack.admin(), &values)
        .await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(
        (&shown["parts"], &shown["encoding"], &shown["characters"]),
        (&json!(2), &json!("ucs-2"), &json!(83))
    );
    let printed = carillon(&stack, "preview", &id, &["--set", "name=Ada"]).await;
    assert_eq!(printed, "Hi Ada\n\n1 part, GSM-7, 6 characters\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_listed_and_each_can_be_read_again() {
    let stack = Stack::start(StackOptions::default()).await;
    let (id, path) = template(&stack, email("one")).await;
    carillon(&stack, "edit", &id, &["--body", "two ((name))"]).await;
    let (status, listed) = stack.get(&format!("{path}/versions"), &stack.admin()).await;
    assert_eq!(status, 200, "{listed}");
    let versions = listed["versions"].as_array().unwrap();
    let shown: Vec<_> = versions
        .iter()
        .map(|v| {
            (
                v["version"].as_i64().unwrap(),
                v["created_by"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(shown, [(2, "command line"), (1, "administrator")]);
    let printed = carillon(&stack, "versions", &id, &["--format", "json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), listed);
    let printed = carillon(&stack, "versions", &id, &[]).await;
    assert_eq!(printed.lines().count(), 3, "{printed}");

    for (query, body) in [("", "two ((name))"), ("?version=1", "one")] {
        let (status, read) = stack.get(&format!("{path}{query}"), &stack.admin()).await;
        assert_eq!((status, &read["body"]), (200, &json!(body)), "{read}");
    }
    let old = json!({ "version": 1 });
    let (_, shown) = stack
        .post(&format!("{path}/preview"), &stack.admin(), &old)
        .await;
    assert_eq!(shown["text"].as_str().unwrap().trim_end(), "one", "{shown}");

    for (path, expected) in [
        (format!("{path}?version=3"), 404),
        (format!("{path}?version=x"), 422),
        (
            format!("{}/versions", path.replace(&id, stack.demo("SERVICE_ID"))),
            404,
        ),
    ] {
        let (status, answer) = stack.get(&path, &stack.admin()).await;
        assert_eq!(status, expected, "{path} {answer}");
    }
    let (status, _) = stack.get(&path, &stack.key()).await;
    assert_eq!(status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_send_arrives_without_a_key_and_is_checked_as_a_send_is() {
    let stack = Stack::start(StackOptions::default()).await;
    let (id, path) = template(&stack, email("((name)), ((extra))")).await;
    let test = format!("{path}/test-send");
    let values = json!({ "name": "Ada", "extra": "x" });
    let body = json!({ "recipient": "ada@example.org", "personalisation": values });
    let (status, sent) = stack.post(&test, &stack.admin(), &body).await;
    assert_eq!(
        (status, &sent["status"]),
        (201, &json!("created")),
        "{sent}"
    );
    let notification = sent["id"].as_str().unwrap();
    let shown = stack.until_status(notification, "delivered").await;
    assert_eq!(shown["subject"], "Hi Ada");
    let timeline_url = sent["timeline_url"].as_str().unwrap();
    let timeline = timeline_url.strip_prefix(&stack.api_url).unwrap();
    let (status, timeline) = stack.get(timeline, &stack.admin()).await;
    assert_eq!((status, &timeline["status"]), (200, &json!("delivered")));
    let keyless = "SELECT count(*) FROM notifications WHERE api_key_id IS NULL";
    assert_eq!(stack.database.number(keyless).await, 1);

    // The template as it was edited a moment ago is what is sent.
    carillon(&stack, "edit", &id, &["--body", "new"]).await;
    let (_, sent) = stack.post(&test, &stack.admin(), &body).await;
    let shown = stack
        .until_status(sent["id"].as_str().unwrap(), "delivered")
        .await;
    assert_eq!(shown["template"]["version"], 2);

    let wrong = json!({ "recipient": "nobody" });
    let (status, problem) = stack.post(&test, &stack.admin(), &wrong).await;
    assert_eq!(status, 422, "{problem}");
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["recipient", "personalisation.name"]);
    let (status, _) = stack.post(&test, &stack.key(), &body).await;
    assert_eq!(status, 401);
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_send_is_followed_on_the_command_line() {
    let stack = Stack::start(StackOptions::default()).await;
    let (id, _) = template(&stack, email("((name))")).await;
    let args = [
        "--to",
        "ada@example.org",
        "--set",
        "name=Ada",
        "--url",
        &stack.api_url,
        "--watch",
    ];
    let printed = carillon(&stack, "test", &id, &args).await;
    let last = printed.lines().last().unwrap();
    assert!(last.starts_with("delivered +"), "{printed}");
}
