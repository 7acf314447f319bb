//! Messages through Amazon's services, or what stands in for them: where they are and who may use
//! them is said by AWS's own environment variables, and by nothing of Carillon's.

use std::time::Duration;

use carillon_test_support::{Moto, Stack, StackOptions};
use reqwest::Client;
use serde_json::{Value, json};

const REGION: &str = "eu-west-1";
const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";

/// What an operator does in SES's console.
async fn verify(moto: &Moto, domain: &str) {
    let client = Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .tls_certs_only([])
        .build()
        .unwrap();
    // Moto checks no signature; it reads the account and the region from it.
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/{REGION}/ses/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    let answer = client
        .post(format!("{}/v2/email/identities", moto.url()))
        .header("authorization", signed)
        .json(&json!({ "EmailIdentity": domain }))
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

fn only<'a>(kept: &'a Value, what: &str) -> &'a Value {
    match kept.as_array().map(Vec::as_slice) {
        Some([only]) => only,
        _ => panic!("not one {what}: {kept}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_finds_ses_and_sns_by_awss_own_variables() {
    let moto = Moto::start().await;
    verify(&moto, "mail.example.org").await;
    let stack = Stack::start(StackOptions {
        env: vec![
            ("CARILLON__EMAIL__DOMAIN", "mail.example.org".into()),
            ("AWS_REGION", REGION.into()),
        ],
        worker_env: vec![
            ("AWS_ENDPOINT_URL", moto.url().into()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.into()),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI".into()),
        ],
        ..StackOptions::default()
    })
    .await;
    for kind in ["ses", "sns"] {
        stack.carillon(&["provider", "add", kind, "--only"]).await;
    }
    let email = stack.send_email("amala@example.com", "Amala").await;
    let sms = stack.send_sms("+447700900123", "Amala").await;
    // Taken, and nobody reports what becomes of them.
    for id in [&email, &sms] {
        stack.until_status(id, "sending").await;
    }

    let data = moto.data().await;
    let kept = only(&data["ses"]["RawMessage"], "e-mail");
    let raw = kept["raw_data"].as_str().unwrap();
    assert!(raw.contains(&format!("X-Carillon-Id: {email}")), "{raw}");
    assert!(raw.contains("amala@example.com"), "{raw}");
    let source = kept["source"].as_str().unwrap();
    assert!(source.ends_with("@mail.example.org"), "{source}");
    let kept = only(&data["sns"]["SMS"], "text message");
    assert_eq!(kept["phone_number"], "+447700900123");
    assert!(kept["message"].as_str().unwrap().contains("Amala"));
    assert_eq!(stack.sandbox_calls().await, Vec::<Value>::new());
}
