//! Bad input gets the documented status and text, and stores nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carillon_test_support::{Stack, StackOptions};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};

/// (status, error class, text) of the first error.
fn first(answer: &(u16, Value)) -> (u16, &str, &str) {
    let error = &answer.1["errors"][0];
    assert_eq!(answer.1["status_code"], answer.0, "{}", answer.1);
    (
        answer.0,
        error["error"].as_str().unwrap(),
        error["message"].as_str().unwrap(),
    )
}

async fn nothing_is_stored(stack: &Stack) {
    assert_eq!(
        stack
            .database
            .number("SELECT count(*) FROM notifications")
            .await,
        0
    );
    assert_eq!(
        stack
            .database
            .number("SELECT count(*) FROM quarantine")
            .await,
        0
    );
    assert_eq!(stack.sandbox_stats().await["calls"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_in_notify_s_words() {
    let stack = Stack::start(StackOptions::default()).await;
    let (email, sms) = (
        stack.demo("EMAIL_TEMPLATE_ID"),
        stack.demo("SMS_TEMPLATE_ID"),
    );
    let name = json!({"name": "Ada"});
    let validation = "ValidationError";
    let bad = "BadRequestError";
    let cases = [
        (
            "/email",
            json!([]),
            validation,
            "[] is not of type object".to_owned(),
        ),
        (
            "/email",
            json!({}),
            validation,
            "email_address is a required property".to_owned(),
        ),
        (
            "/email",
            json!({"email_address": "a@example.org", "template_id": email,
                   "personalisation": name, "colour": 1}),
            validation,
            "Additional properties are not allowed (colour was unexpected)".to_owned(),
        ),
        (
            "/email",
            json!({"email_address": "a@@example", "template_id": email, "personalisation": name}),
            validation,
            "email_address Not a valid email address".to_owned(),
        ),
        (
            "/email",
            json!({"email_address": "a@example.org", "template_id": "x"}),
            validation,
            "template_id is not a valid UUID".to_owned(),
        ),
        (
            "/email",
            json!({"email_address": "a@example.org", "template_id": email, "personalisation": {}}),
            bad,
            "Missing personalisation: name".to_owned(),
        ),
        (
            "/email",
            json!({"email_address": "a@example.org", "template_id": email,
                   "personalisation": {"name": null}}),
            bad,
            "Missing personalisation: name".to_owned(),
        ),
        (
            "/email",
            json!({"email_address": "a@example.org", "template_id": uuid::Uuid::new_v4(),
                   "personalisation": name}),
            bad,
            "Template not found".to_owned(),
        ),
        (
            "/sms",
            json!({"phone_number": "07700900123", "template_id": email, "personalisation": name}),
            bad,
            "email template is not suitable for sms notification".to_owned(),
        ),
        (
            "/sms",
            json!({"phone_number": null, "template_id": sms, "personalisation": name}),
            validation,
            "phone_number None is not of type string".to_owned(),
        ),
        (
            "/sms",
            json!({"phone_number": "0770", "template_id": sms, "personalisation": name}),
            validation,
            "phone_number Not enough digits".to_owned(),
        ),
        (
            "/sms",
            json!({"phone_number": "07700 9ooi23", "template_id": sms, "personalisation": name}),
            validation,
            "phone_number Must not contain letters or symbols".to_owned(),
        ),
        (
            "/sms",
            json!({"phone_number": "020 7946 0123", "template_id": sms, "personalisation": name}),
            "InvalidPhoneError",
            "Not a UK mobile number".to_owned(),
        ),
        (
            "/sms",
            json!({"phone_number": "07700900123", "template_id": sms,
                   "personalisation": {"name": "x".repeat(900)}}),
            bad,
            "Text messages cannot be longer than 918 characters.".to_owned(),
        ),
        (
            "/email",
            json!({"email_address": "a@example.org", "template_id": email,
                   "personalisation": name, "email_reply_to_id": uuid::Uuid::nil()}),
            bad,
            "email_reply_to_id 00000000-0000-0000-0000-000000000000 does not exist".to_owned(),
        ),
    ];
    for (path, body, class, text) in cases {
        let answer = stack.post(path, &stack.key(), &body).await;
        let (status, got_class, got_text) = first(&answer);
        assert_eq!(
            (status, got_class),
            (400, class),
            "{path} {body}: {got_text}"
        );
        assert!(got_text.starts_with(&text), "{path} {body}: {got_text}");
    }
    // Every violation at once.
    let (_, answer) = stack
        .post(
            "/email",
            &stack.key(),
            &json!({"template_id": 1, "personalisation": "x", "z": 1}),
        )
        .await;
    assert_eq!(answer["errors"].as_array().unwrap().len(), 4, "{answer}");
    nothing_is_stored(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_too_large_or_under_no_key_is_refused() {
    let stack = Stack::start(StackOptions::default()).await;
    let post = async |headers: &[(&str, &str)], body: Vec<u8>| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client
            .post(format!("{}/email", stack.api_url))
            .header("Authorization", stack.key())
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    for body in [&b"{\"email_address\":"[..], b"", b"\xff\xfe", b"nonsense"] {
        let answer = post(&[], body.to_vec()).await;
        assert_eq!(
            first(&answer),
            (400, "BadRequestError", "Invalid JSON supplied in POST data"),
        );
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(post(&[], deep.into_bytes()).await.0, 400);
    let answer = post(&[], vec![b' '; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(first(&answer).0, 413);
    for keys in [&["a b"][..], &[""], &["a", "a"]] {
        let keys: Vec<_> = keys.iter().map(|key| ("Idempotency-Key", *key)).collect();
        let answer = post(&keys, b"{}".to_vec()).await;
        let (status, class, text) = first(&answer);
        assert_eq!((status, class), (400, "BadRequestError"));
        assert!(text.starts_with("Idempotency-Key must "), "{text}");
    }
    nothing_is_stored(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_do_not_hold_are_refused_before_anything_is_read() {
    let stack = Stack::start(StackOptions::default()).await;
    let key = stack.demo("API_KEY");
    let (service, secret) = (stack.demo("SERVICE_ID"), &key[key.len() - 36..]);
    let now = carillon_core::clock::now().timestamp();
    let sign = |algorithm: Algorithm, claims: Value, secret: &str| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        format!(
            "Bearer {}",
            encode(&Header::new(algorithm), &claims, &key).unwrap()
        )
    };
    let claims = |iat: i64| json!({"iss": service, "iat": iat});
    let unsigned = format!(
        "Bearer {}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(claims(now).to_string()),
    );
    let clock = "Error: Your system clock must be accurate to within 30 seconds";
    let wrong_secret = "00000000-0000-0000-0000-000000000000";
    let cases = [
        (
            String::new(),
            401,
            "Unauthorized: authentication token must be provided",
        ),
        (
            "Basic x".to_owned(),
            401,
            "Unauthorized: authentication bearer scheme must be used",
        ),
        (
            "Bearer garbage".to_owned(),
            403,
            "Invalid token: signature, api token is not valid",
        ),
        (unsigned, 403, "Invalid token: algorithm used is not HS256"),
        (
            sign(Algorithm::HS512, claims(now), secret),
            403,
            "Invalid token: algorithm used is not HS256",
        ),
        (sign(Algorithm::HS256, claims(now - 60), secret), 403, clock),
        (sign(Algorithm::HS256, claims(now + 60), secret), 403, clock),
        (
            sign(Algorithm::HS256, claims(now), wrong_secret),
            403,
            "Invalid token: API key not found",
        ),
        (
            sign(Algorithm::HS256, json!({"iat": now}), secret),
            403,
            "Invalid token: iss field not provided",
        ),
        (
            sign(
                Algorithm::HS256,
                json!({"iss": uuid::Uuid::new_v4(), "iat": now}),
                secret,
            ),
            403,
            "Invalid token: service not found",
        ),
        (
            "ApiKey-v1 short".to_owned(),
            403,
            "Invalid token: Enter your full API key",
        ),
        (
            format!("apikey-V1 x-{service}-{wrong_secret}"),
            403,
            "Invalid token: API key not found",
        ),
    ];
    for (auth, status, text) in cases {
        // The body is no JSON at all: credentials come first.
        let answer = if auth.is_empty() {
            let url = format!("{}/email", stack.api_url);
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer = client.post(url).body("nonsense").send().await.unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap())
        } else {
            stack
                .request(Method::POST, "/email", &auth, Some(&json!("x")))
                .await
                .unwrap()
        };
        assert_eq!(first(&answer), (status, "AuthError", text), "{auth}");
    }
    // And one that holds.
    let good = sign(Algorithm::HS256, claims(now), secret);
    assert_eq!(stack.get("/v2/notifications", &good).await.0, 200);
    nothing_is_stored(&stack).await;
}
