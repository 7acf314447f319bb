//! Mailings under a key, in each of their forms.

use std::io::Write;

use carillon_test_support::{Stack, StackOptions};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::RequestBuilder;
use serde_json::json;

use super::{Answer, answer, client};

const CSV: &str = "email address,name\nada@example.org,Ada\nbo@example.org,Bo\n";

/// A mailing as multipart, whose parts are cut as a client happens to.
fn multipart(request: RequestBuilder, template: &str, cut: &str, csv: &str) -> RequestBuilder {
    let part = |head: &str, text: &str| {
        format!("--{cut}\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n")
    };
    let body = [
        part("name=\"template_id\"", template),
        part("name=\"file\"; filename=\"may.csv\"", csv),
        format!("--{cut}--\r\n"),
    ];
    request
        .header(
            "Content-Type",
            format!("multipart/form-data; boundary={cut}"),
        )
        .body(body.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailing_is_made_once_in_each_of_its_forms() {
    let stack = Stack::start(StackOptions::default()).await;
    let template = stack.demo("EMAIL_TEMPLATE_ID").to_owned();
    let client = client();
    let to = |key: &str, query: &str| {
        client
            .post(format!("{}/bulk{query}", stack.api_url))
            .header("Authorization", stack.key())
            .header("Idempotency-Key", key)
    };
    let query = format!("?template_id={template}&name=May");
    let csv = |text: &str| {
        to("csv", &query)
            .header("Content-Type", "text/csv")
            .body(text.to_owned())
    };
    let gzipped = || {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(CSV.as_bytes()).unwrap();
        let packed = packer.finish().unwrap();
        to("csv", &query)
            .header("Content-Type", "text/csv")
            .header("Content-Encoding", "gzip")
            .body(packed)
    };
    let json = |name: &str| {
        let body = json!({ "template_id": template, "name": name, "csv": CSV });
        to("json", "").body(body.to_string())
    };
    let parts = |cut: &str, text: &str| multipart(to("parts", ""), &template, cut, text);

    let longer = format!("{CSV}cy@example.org,Cy\n");
    for (first, same, other) in [
        (csv(CSV), gzipped(), csv(&longer)),
        (json("May"), json("May"), json("June")),
        (parts("a", CSV), parts("b", CSV), parts("a", &longer)),
    ] {
        let first = answer(first).await.unwrap();
        assert_eq!(first.status, 201, "{first:?}");
        let replay = Answer {
            is_replay: true,
            ..first
        };
        assert_eq!(answer(same).await.unwrap(), replay);
        let other = answer(other).await.unwrap();
        assert_eq!(other.error(), (422, "IdempotencyMismatchError".to_owned()));
    }
    // Another name in the query is another request; what is refused uses no key.
    let june = to("csv", &query.replace("May", "June"))
        .header("Content-Type", "text/csv")
        .body(CSV);
    assert_eq!(answer(june).await.unwrap().status, 422);
    let bad = to("bad", &query).header("Content-Type", "text/csv");
    assert_eq!(answer(bad.body("a,b\n")).await.unwrap().status, 400);
    let good = to("bad", &query).header("Content-Type", "text/csv");
    let good = answer(good.body(CSV)).await.unwrap();
    assert!(good.status == 201 && !good.is_replay);

    assert_eq!(stack.database.number("SELECT count(*) FROM jobs").await, 4);
    super::until_delivered(&stack, 8).await;
    super::all_are_delivered_once(&stack, 8).await;
}
