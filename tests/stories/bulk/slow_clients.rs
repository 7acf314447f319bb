//! Clients that send slowly take no other service's turn.

use carillon_test_support::{Stack, StackOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::file;
use super::uploads::Upload;

/// Begins a mailing and sends all of it but for its last row.
async fn begin(stack: &Stack) -> TcpStream {
    let csv = file(["ada@example.org,Ada\n".to_owned()]);
    let head = format!(
        "POST /bulk?template_id={}&name=May HTTP/1.1\r\nHost: api\r\nAuthorization: {}\r\n\
         Content-Type: text/csv\r\nContent-Length: {}\r\n\r\n{csv}",
        stack.demo("EMAIL_TEMPLATE_ID"),
        stack.key(),
        csv.len() + LAST.len(),
    );
    let address = stack.api_url.strip_prefix("http://").unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

const LAST: &str = "bo@example.org,Bo\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_dawdles_keeps_itself_waiting_and_nobody_else() {
    let stack = Stack::start(StackOptions::default()).await;
    let admin = stack.admin();
    let (_, other) = stack
        .post("/api/services", &admin, &json!({"name": "Ely"}))
        .await;
    let keys = format!("/api/services/{}/keys", other["id"].as_str().unwrap());
    let key = json!({"name": "app", "key_type": "normal"});
    let (_, key) = stack.post(&keys, &admin, &key).await;
    let stranger = format!("ApiKey-v1 {}", key["key"].as_str().unwrap());

    let mut begun = Vec::new();
    for _ in 0..4 {
        begun.push(begin(&stack).await);
    }
    let upload = || Upload::csv(&stack, "text/csv", file(["cy@example.org,Cy\n".to_owned()]));
    let (fifth, others) = tokio::join!(upload().post(&stack), upload().post_as(&stack, &stranger));
    assert_eq!(fifth.0, 429, "{}", fifth.1);
    let text = fifth.1["errors"][0]["message"].as_str().unwrap();
    assert!(
        text.starts_with("4 mailings of the service are being taken already"),
        "{text}"
    );
    // It has no such template, which is looked at later.
    assert_eq!(others.0, 400, "{}", others.1);

    // A place that becomes free is taken by whoever waits.
    let mut first = begun.pop().unwrap();
    let (sixth, ()) = tokio::join!(upload().post(&stack), async {
        first.write_all(LAST.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        first.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"HTTP/1.1 201");
    });
    assert_eq!(sixth.0, 201, "{}", sixth.1);
}
