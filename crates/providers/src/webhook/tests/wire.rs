//! What a receiver gets, and what is made of its answers.

use carillon_test_support::{
    MailServer, MailServerOptions, MailServerTls, Step, WebhookReceiver, WireFault,
};

use super::*;

async fn answer_of(url: &str, timeout: Duration) -> Answer {
    let webhooks = Webhooks::new(LENIENT, timeout).unwrap();
    webhooks.call(&call(url, &[new_secret()])).await
}

#[tokio::test]
async fn an_independent_verifier_accepts_the_signature_of_either_secret() {
    let (old, new, foreign) = (new_secret(), new_secret(), new_secret());
    let receiver = WebhookReceiver::start(&[&old, &foreign]).await;
    let webhooks = Webhooks::new(LENIENT, PATIENCE).unwrap();
    let url = receiver.url("/ok/here");
    for secrets in [
        vec![old.clone()],
        vec![new.clone(), old.clone()],
        vec![new.clone()],
    ] {
        assert_eq!(webhooks.call(&call(&url, &secrets)).await, status(200));
    }
    receiver.trust(&new);
    let both = [new, old];
    assert_eq!(webhooks.call(&call(&url, &both)).await, status(200));
    let calls = receiver.calls();
    let verified_by: Vec<_> = calls
        .iter()
        .map(|call| call["verified_by"].to_string())
        .collect();
    assert_eq!(verified_by, ["[0]", "[0]", "[]", "[0,2]"]);
    assert_eq!(calls[2]["verified"], false);
    let said = calls[2]["error"].as_str().unwrap();
    assert!(said.contains("No matching signature"), "{said}");
    assert_eq!(calls[3]["body"]["name"], "Amála");
    // All over one connection.
    let connection = &calls[0]["connection"];
    assert!(calls.iter().all(|call| call["connection"] == *connection));
}

#[tokio::test]
async fn the_headers_are_notifys_and_the_standards() {
    let server = WireFault::start([Step::answer(200, "text/plain", "")]).await;
    let (id, trace) = (
        NotificationId::mint().0,
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    let context: TraceContext = trace.parse().unwrap();
    let url = format!("{}/path?query=1", server.url());
    let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()];
    let call = Call {
        id,
        at: DateTime::from_timestamp_millis(1_614_265_330_999).unwrap(),
        trace_id: Some(context.trace_id_bytes()),
        trace: Some(context),
        ..call(&url, &secrets)
    };
    let webhooks = Webhooks::new(LENIENT, PATIENCE).unwrap();
    assert_eq!(webhooks.call(&call).await, status(200));
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.as_bytes(), BODY);
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /path?query=1 HTTP/1.1");
    lines.sort_unstable();
    let signature = sign(&[secrets[0].parse().unwrap()], id, call.at, BODY);
    let host = server.url().replace("http://", "host: ");
    assert_eq!(
        lines,
        [
            "accept: */*",
            "authorization: Bearer a-token-of-the-service",
            &format!("content-length: {}", BODY.len()),
            "content-type: application/json",
            &host,
            &format!("traceparent: {trace}"),
            "user-agent: carillon-webhooks",
            &format!("webhook-id: {id}"),
            &format!("webhook-signature: {signature}"),
            // Whole seconds, of this attempt.
            "webhook-timestamp: 1614265330",
            "x-trace-id: 4bf92f3577b34da6a3ce929d0e0e4736",
        ]
    );
}

#[tokio::test]
async fn a_receivers_answer_is_its_status_and_how_long_it_wants_to_rest() {
    let receiver = WebhookReceiver::start(&[]).await;
    let webhooks = Webhooks::new(LENIENT, PATIENCE).unwrap();
    let secrets = [new_secret()];
    for (path, answers) in [
        ("/gone", [status(410), status(410)]),
        ("/fail-1", [status(500), status(200)]),
        ("/status-404", [status(404), status(404)]),
        ("/redirect", [status(302), status(302)]),
        (
            "/retry-after-7",
            [
                Answer::Status {
                    code: 429,
                    retry_after: Some(Duration::from_secs(7)),
                },
                status(200),
            ],
        ),
    ] {
        let url = receiver.url(path);
        let call = call(&url, &secrets);
        for answer in answers {
            assert_eq!(webhooks.call(&call).await, answer, "{path}");
        }
    }
    // Nobody went where the redirect pointed.
    assert!(receiver.calls().iter().all(|call| call["path"] != "/ok"));
    assert_eq!(receiver.calls().len(), 10);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up_in_time() {
    let server = WireFault::start([Step::Hang]).await;
    let answer = answer_of(&server.url(), Duration::from_millis(300)).await;
    assert_eq!(answer, failed(CallFailure::TimedOut));
}

#[tokio::test]
async fn a_lost_connection_is_broken_and_the_next_call_takes_another() {
    let steps = [
        Step::ResetAfterRequest,
        Step::CloseBeforeRequest,
        Step::answer(200, "text/plain", ""),
    ];
    let server = WireFault::start(steps).await;
    let webhooks = Webhooks::new(LENIENT, PATIENCE).unwrap();
    let (url, secrets) = (server.url(), [new_secret()]);
    let call = call(&url, &secrets);
    for answer in [
        failed(CallFailure::Broken),
        failed(CallFailure::Broken),
        status(200),
    ] {
        assert_eq!(webhooks.call(&call).await, answer);
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_port_without_a_listener_is_unreachable() {
    let url = format!("http://127.0.0.1:{}/", carillon_test_support::free_port());
    let answer = answer_of(&url, PATIENCE).await;
    assert_eq!(answer, failed(CallFailure::Unreachable));
}

#[tokio::test]
async fn what_is_not_tls_is_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let answering = async {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    };
    let (answer, _stream) = tokio::join!(answer_of(&url, PATIENCE), answering);
    assert_eq!(answer, failed(CallFailure::Tls));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    // Any server with TLS will do: nothing is said before the certificate is judged.
    let server = MailServer::start(MailServerOptions {
        tls: MailServerTls::Implicit,
        login: None,
    })
    .await;
    let url = format!("https://localhost:{}/", server.port());
    let answer = answer_of(&url, PATIENCE).await;
    assert_eq!(answer, failed(CallFailure::Tls));
}

#[tokio::test]
async fn an_endless_answer_costs_the_connection_and_not_the_result() {
    let long = "x".repeat(answer::MAX_BODY_BYTES * 64);
    let server = WireFault::start([
        Step::answer(200, "text/plain", long),
        Step::answer(201, "text/plain", "short"),
    ])
    .await;
    let webhooks = Webhooks::new(LENIENT, PATIENCE).unwrap();
    let (url, secrets) = (server.url(), [new_secret()]);
    for code in [200, 201] {
        assert_eq!(webhooks.call(&call(&url, &secrets)).await, status(code));
    }
}

#[tokio::test]
async fn what_cannot_be_signed_or_authorised_is_not_sent() {
    let server = WireFault::start([Step::answer(200, "text/plain", "")]).await;
    let webhooks = Webhooks::new(LENIENT, PATIENCE).unwrap();
    let (url, good) = (server.url(), [new_secret()]);
    let short = ["whsec_c2hvcnQ=".to_owned()];
    let mut without_token = call(&url, &good);
    without_token.bearer_token = "two\r\nlines";
    for (call, why) in [
        (call(&url, &[]), "there is no signing secret"),
        (call(&url, &short), "a signing secret is malformed"),
        (without_token, "the bearer token cannot be sent"),
    ] {
        assert_eq!(webhooks.call(&call).await, refused(why));
    }
    assert!(server.requests().is_empty());
}

#[test]
fn debug_output_holds_ids_alone() {
    let secrets = [new_secret()];
    let call = call("https://hooks.example.com/amala", &secrets);
    let printed = format!("{call:?}");
    assert!(printed.contains(&call.id.to_string()), "{printed}");
    for hidden in ["amala", "token-of", "whsec", "hooks"] {
        assert!(!printed.contains(hidden), "{printed}");
    }
}
