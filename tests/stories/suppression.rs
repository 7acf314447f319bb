//! Whom a service does not send to: put on the list by people, by bounces and by one click.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::unsubscribe::{LinkKey, link};
use carillon_test_support::{MailServer, MailServerOptions, Stack, StackOptions, eventually};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// What changes is known everywhere within this time on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// Base64 of [`KEY`].
const ENCRYPTION_KEY: &str = "dW5zdWJzY3JpYmUtc3Rvcmllcy0zMi1ieXRlcy0hISE=";
const KEY: &[u8; 32] = b"unsubscribe-stories-32-bytes-!!!";

fn list(stack: &Stack) -> String {
    format!("/api/services/{}/suppressions", stack.demo("SERVICE_ID"))
}

async fn call(stack: &Stack, method: Method, path: &str, body: Value) -> (u16, Value) {
    let body = (!body.is_null()).then_some(&body);
    stack
        .request(method, path, &stack.admin(), body)
        .await
        .unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

/// Recipient and reason of each entry.
async fn entries(stack: &Stack) -> Vec<(String, String)> {
    let (status, page) = call(stack, Method::GET, &list(stack), Value::Null).await;
    assert_eq!(status, 200, "{page}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entries = page["suppressions"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| (text(&entry["recipient"]), text(&entry["reason"])))
        .collect()
}

async fn reasons_of_timeline(stack: &Stack, id: &str) -> Vec<String> {
    let timeline = stack.timeline(id).await;
    timeline
        .into_iter()
        .filter_map(|(_, reason)| reason)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_the_list_gets_nothing_and_the_timeline_says_why() {
    let stack = Stack::start(StackOptions::default()).await;
    let service = stack.demo("SERVICE_ID");
    let ada = json!({ "channel": "email", "recipient": "Ada@Example.org" });
    for expected in [201, 200] {
        let (status, added) = call(&stack, Method::POST, &list(&stack), ada.clone()).await;
        assert_eq!(
            (status, &added["recipient"]),
            (expected, &json!("ada@example.org"))
        );
    }
    stack
        .carillon(&["suppression", "add", service, "07700 900123"])
        .await;
    let email = stack.send_email("ADA@example.org", "Ada").await;
    let sms = stack.send_sms("07700900123", "Ada").await;
    for id in [&email, &sms] {
        stack.until_status(id, "permanent-failure").await;
        let reasons = reasons_of_timeline(&stack, id).await;
        assert_eq!(reasons, ["suppressed-manual"], "{id}");
    }
    assert_eq!(stack.sandbox_calls().await, Vec::<Value>::new());

    // Lifted, it is sent to again.
    let lift = ["suppression", "lift", service, "ada@example.org"];
    let printed = stack.carillon(&lift).await;
    assert_eq!(
        printed.trim_end(),
        "took ada@example.org off the list (manual)"
    );
    let number = json!({ "channel": "sms", "recipient": "+447700900123" });
    let (status, lifted) = call(&stack, Method::DELETE, &list(&stack), number.clone()).await;
    assert_eq!((status, &lifted["lifted"]), (200, &json!(["manual"])));
    let (status, _) = call(&stack, Method::DELETE, &list(&stack), number).await;
    assert_eq!(status, 404);
    let query = "?channel=email&recipient=ada@example.org";
    let query = format!("{}{query}", list(&stack));
    let (status, _) = call(&stack, Method::DELETE, &query, Value::Null).await;
    assert_eq!(status, 404);
    let email = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&email, "delivered").await;
    assert!(entries(&stack).await.is_empty());
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_imported_whole_or_not_at_all() {
    let stack = Stack::start(StackOptions::default()).await;
    let import = format!("{}/import", list(&stack));
    let wrong = json!({
        "channel": "email", "recipients": ["ada@example.org", "nobody", "", "grace@example.org"],
    });
    let (status, problem) = call(&stack, Method::POST, &import, wrong).await;
    assert_eq!(status, 422, "{problem}");
    let fields: Vec<&Value> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(fields, [&json!("recipients[1]"), &json!("recipients[2]")]);
    let (status, problem) = csv(&stack, "email address\nada@example.org\nnobody\n").await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(problem["errors"][0]["field"], "line 3");
    assert!(entries(&stack).await.is_empty());

    let (status, done) = csv(&stack, "email address\nada@example.org\nADA@example.org\n").await;
    assert_eq!(
        (status, &done["given"], &done["new"]),
        (200, &json!(2), &json!(1))
    );
    let complaint = ("ada@example.org".to_owned(), "complaint".to_owned());
    assert_eq!(entries(&stack).await, [complaint]);

    // The command line reads a file, and pages are followed to the end.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("list.csv");
    let many: Vec<String> = (0..600).map(|n| format!("r{n}@example.org")).collect();
    std::fs::write(&file, many.join("\n")).unwrap();
    let file = file.display().to_string();
    let service = stack.demo("SERVICE_ID");
    let args = [
        "suppression",
        "import",
        service,
        &file,
        "--channel",
        "email",
    ];
    let printed = stack.carillon(&args).await;
    assert!(
        printed.starts_with("put 600 of 600 on the list"),
        "{printed}"
    );
    let (mut n, mut query) = (0, String::new());
    loop {
        let path = format!("{}{query}", list(&stack));
        let (_, page) = call(&stack, Method::GET, &path, Value::Null).await;
        n += page["suppressions"].as_array().unwrap().len();
        let Some(cursor) = page["cursor"].as_str() else {
            break;
        };
        query = format!("?cursor={cursor}");
    }
    assert_eq!(n, 601);
    let one = format!("{}?recipient=ADA@example.org", list(&stack));
    let (_, page) = call(&stack, Method::GET, &one, Value::Null).await;
    assert_eq!(page["suppressions"][0]["reason"], "complaint", "{page}");
    let bad = format!("{}?cursor=x", list(&stack));
    let (status, problem) = call(&stack, Method::GET, &bad, Value::Null).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (422, &json!("cursor"))
    );
    let (status, _) = stack.get(&list(&stack), &stack.key()).await;
    assert_eq!(status, 401);
}

async fn csv(stack: &Stack, body: &'static str) -> (u16, Value) {
    let query = "channel=email&reason=complaint";
    let url = format!("{}{}/import?{query}", stack.api_url, list(stack));
    let answer = client()
        .post(url)
        .header("authorization", stack.admin())
        .header("content-type", "text/csv; charset=utf-8")
        .body(body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_opened_changes_nothing_and_one_click_unsubscribes() {
    let stack = Stack::start(StackOptions {
        env: vec![("CARILLON__SECURITY__ENCRYPTION_KEY", ENCRYPTION_KEY.into())],
        ..StackOptions::default()
    })
    .await;
    let id = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&id, "delivered").await;
    let service_id = stack.demo("SERVICE_ID").parse().unwrap();
    let link_of = |id: NotificationId| link(&stack.api_url, &LinkKey::derive(KEY), service_id, id);
    let url = link_of(id.parse().unwrap());

    let (status, html) = page(client().get(&url).send().await.unwrap()).await;
    assert_eq!(status, 200, "{html}");
    assert!(
        html.contains("<button type=\"submit\">Unsubscribe</button>"),
        "{html}"
    );
    assert!(entries(&stack).await.is_empty());

    for _ in 0..2 {
        // As a mail program does it (RFC 8058).
        let one_click = client()
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("List-Unsubscribe=One-Click");
        let (status, html) = page(one_click.send().await.unwrap()).await;
        assert_eq!(status, 200, "{html}");
        assert!(html.contains("You are unsubscribed"), "{html}");
    }
    let expected = ("ada@example.org".to_owned(), "unsubscribed".to_owned());
    assert_eq!(entries(&stack).await, [expected]);
    let kept_away = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&kept_away, "permanent-failure").await;
    let reasons = reasons_of_timeline(&stack, &kept_away).await;
    assert_eq!(reasons, ["suppressed-unsubscribed"]);

    let unknown = link_of(NotificationId::mint());
    let (rest, last) = url.split_at(url.len() - 1);
    let forged = format!("{rest}{}", if last == "A" { "B" } else { "A" });
    let other_key = link(
        &stack.api_url,
        &LinkKey::derive(b"other"),
        service_id,
        id.parse().unwrap(),
    );
    for (url, expected) in [(&unknown, 410), (&forged, 404), (&other_key, 404)] {
        for request in [client().get(url), client().post(url)] {
            let (status, html) = page(request.send().await.unwrap()).await;
            assert_eq!(status, expected, "{url} {html}");
        }
    }
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_e_mail_carries_the_link_and_a_post_to_it_unsubscribes() {
    let mail = MailServer::start(MailServerOptions::default()).await;
    let stack = Stack::start(StackOptions::default()).await;
    let port = mail.port().to_string();
    let server = ["--host", "localhost", "--port", &port, "--tls", "none"];
    let add = ["provider", "add", "smtp", "relay", "--only"];
    stack.carillon(&[&add[..], &server].concat()).await;
    let plain = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&plain, "sent").await;
    let service = stack.demo("SERVICE_ID");
    let update = ["service", "update", service];
    let wants = ["--one-click-unsubscribe", "true"];
    stack.carillon(&[&update[..], &wants].concat()).await;
    // A worker knows its services for a few seconds.
    let data = eventually("an e-mail carries the link", WITHIN, async || {
        let id = stack.send_email("ada@example.org", "Ada").await;
        stack.until_status(&id, "sent").await;
        let data = mail.messages().pop()?["data"].as_str()?.to_owned();
        header(&data, "List-Unsubscribe").is_some().then_some(data)
    })
    .await;
    let first = mail.messages()[0]["data"].as_str().unwrap().to_owned();
    assert_eq!(header(&first, "List-Unsubscribe"), None);
    assert_eq!(header(&first, "List-Unsubscribe-Post"), None);
    assert_eq!(
        header(&data, "List-Unsubscribe-Post").as_deref(),
        Some("List-Unsubscribe=One-Click")
    );
    let link = header(&data, "List-Unsubscribe").unwrap();
    let link = link.strip_prefix('<').and_then(|l| l.strip_suffix('>'));
    let link = link.unwrap_or_else(|| panic!("no link: {data}"));
    assert!(
        link.starts_with(&format!("{}/unsubscribe/", stack.api_url)),
        "{link}"
    );

    assert!(entries(&stack).await.is_empty());
    let one_click = client()
        .post(link)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    let (status, html) = page(one_click.send().await.unwrap()).await;
    assert_eq!(status, 200, "{html}");
    let expected = ("ada@example.org".to_owned(), "unsubscribed".to_owned());
    assert_eq!(entries(&stack).await, [expected]);
    let n_before = mail.messages().len();
    let kept_away = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&kept_away, "permanent-failure").await;
    assert_eq!(mail.messages().len(), n_before);
    stack.assert_settled().await;
}

/// A header's value, on however many lines it is written.
fn header(message: &str, name: &str) -> Option<String> {
    let head = message.split("\r\n\r\n").next()?.replace("\r\n", "\n");
    let head = head
        .split("\n\n")
        .next()?
        .replace("\n ", "")
        .replace("\n\t", "");
    let value = head
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")))?;
    Some(value.trim().to_owned())
}

/// Status and text of a page, which nobody may keep, frame or pass on.
async fn page(answer: Response) -> (u16, String) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(answer.headers()[name], value, "{name}");
    }
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    (answer.status().as_u16(), answer.text().await.unwrap())
}
