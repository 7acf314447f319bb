//! Files and requests that are refused, each with what is wrong in words; nothing is stored.

use carillon_test_support::{Member, Stack, StackOptions};
use serde_json::{Value, json};

use super::file;
use super::uploads::{Upload, gzip};

/// The status and the text of the first error.
fn refusal(answer: &(u16, Value)) -> (u16, String) {
    let text = answer.1["errors"][0]["message"].as_str();
    (answer.0, text.unwrap_or_default().to_owned())
}

async fn nothing_is_stored(stack: &Stack) {
    for table in ["jobs", "job_chunks", "job_payloads", "notifications"] {
        let query = format!("SELECT count(*) FROM {table}");
        assert_eq!(stack.database.number(&query).await, 0, "{table}");
    }
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_refused_with_its_line_or_column() {
    let stack = Stack::start(StackOptions::default()).await;
    let windows_1252 = b"email address,name\nzoe@example.org,Zo\xeb\n".to_vec();
    let too_many = file((0..100_001).map(|n| format!("n{n}@example.org,N\n")));
    let long_cell = file([format!("a@example.org,{}\n", "x".repeat((1 << 20) + 1))]);
    let cases: [(Vec<u8>, &str); 13] = [
        (
            b"name\nAda\n".to_vec(),
            "Missing column headers: email address.",
        ),
        (
            b"a@example.org,Ada\n".to_vec(),
            "Missing column headers: email address, name.",
        ),
        (
            b"email address,name,Email_Address\na@example.org,Ada,b@example.org\n".to_vec(),
            "Duplicate column headers: email address, email address.",
        ),
        (
            too_many.into_bytes(),
            "Too many rows. Maximum number of rows allowed is 100000.",
        ),
        (
            file(["a@example.org,\"Ada\n".to_owned()]).into_bytes(),
            "Line 2 begins a quoted cell that never ends.",
        ),
        (
            file(["a@example.org,A\0da\n".to_owned()]).into_bytes(),
            "U+0000 at line 2",
        ),
        (
            utf_16(&file(["a@example.org,Ada\n".to_owned()])),
            "if the file is UTF-16, name that",
        ),
        (
            windows_1252,
            "Line 2 is not UTF-8; save the file as UTF-8, or name its charset",
        ),
        (
            long_cell.into_bytes(),
            "more than 1048576 bytes in one cell at line 2",
        ),
        (
            file(["a@example.org\n".to_owned(), "nobody,Bo\n".to_owned()]).into_bytes(),
            "Row 1 - `name`: Missing. Row 2 - `email address`: invalid recipient.",
        ),
        (b"".to_vec(), "The file is empty."),
        (
            b"email address,name\n\n,\n".to_vec(),
            "The file has no rows below its header.",
        ),
        (
            file((0..30).map(|n| format!("nobody{n},N\n"))).into_bytes(),
            "Only the first 20 are listed.",
        ),
    ];
    for (csv, words) in cases {
        let answer = Upload::csv(&stack, "text/csv", csv).post(&stack).await;
        let (status, text) = refusal(&answer);
        assert_eq!(answer.1["errors"][0]["error"], "BadRequestError", "{words}");
        assert_eq!(status, 400, "{words}: {text}");
        assert!(text.contains(words), "{words}: {text}");
    }
    let answer = Upload::csv(&stack, "text/csv; charset=klingon", "a\n")
        .post(&stack)
        .await;
    assert!(refusal(&answer).1.contains("\"klingon\" is not known"));
    nothing_is_stored(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_refused_before_its_rows_are_read() {
    let stack = Stack::start(StackOptions::default()).await;
    let rows = json!([["email address", "name"], ["a@example.org", "Ada"]]);
    let good = json!({
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"), "name": "May", "rows": rows,
    });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let nobody = uuid::Uuid::nil();
    for (body, words) in [
        (
            with("csv", json!("a\n")),
            "Specify either rows or csv, and not both",
        ),
        (with("rows", Value::Null), "Specify either rows or csv"),
        (with("rows", json!("a")), "rows is not of type array"),
        (
            with("rows", json!([["email address", "name"], "a"])),
            "an array of cells at item 2",
        ),
        (with("name", Value::Null), "name None is not of type string"),
        (with("colour", json!(1)), "(colour was unexpected)"),
        (
            with("template_id", json!("x")),
            "template_id is not a valid UUID",
        ),
        (with("template_id", json!(nobody)), "Template not found"),
        (
            with("scheduled_for", json!("2001-01-01T00:00:00Z")),
            "can not be in the past",
        ),
        (
            with("scheduled_for", json!("2999-01-01T00:00:00Z")),
            "up to 96 hours",
        ),
        (
            with("reply_to_id", json!(nobody)),
            "does not exist in database for service id",
        ),
    ] {
        let answer = stack.post("/bulk", &stack.key(), &body).await;
        let (status, text) = refusal(&answer);
        assert_eq!(status, 400, "{words}: {text}");
        assert!(text.contains(words), "{words}: {text}");
    }
    // Every violation at once.
    let body = json!({"template_id": 1, "rows": 1, "csv": 1, "z": 1});
    let (_, answer) = stack.post("/bulk", &stack.key(), &body).await;
    assert_eq!(answer["errors"].as_array().unwrap().len(), 5, "{answer}");
    // A key of the team reaches the team.
    let team = format!("ApiKey-v1 {}", stack.demo("API_KEY_TEAM"));
    let (status, text) = refusal(&stack.post("/bulk", &team, &good).await);
    let words = "You cannot send to these recipients because you used a team and safelist API key.";
    assert_eq!((status, text.as_str()), (400, words));

    let upload = |header: (&'static str, &str), body: &[u8]| {
        let mut upload = Upload::csv(&stack, "text/csv", body);
        upload.headers.push((header.0, header.1.to_owned()));
        upload
    };
    let csv = file(["a@example.org,Ada\n".to_owned()]);
    let csv = csv.as_bytes();
    let (status, text) = refusal(&upload(("Idempotency-Key", "a b"), csv).post(&stack).await);
    assert!(
        status == 400 && text.starts_with("Idempotency-Key must be"),
        "{text}"
    );
    let (status, _) = upload(("Content-Encoding", "br"), csv).post(&stack).await;
    assert_eq!(status, 415);
    let cut = gzip(csv);
    let cut = upload(("Content-Encoding", "gzip"), &cut[..cut.len() - 4]);
    let (status, text) = refusal(&cut.post(&stack).await);
    assert_eq!(
        (status, text.as_str()),
        (400, "The request body is not whole gzip")
    );
    let stranger = Upload::csv(&stack, "text/csv", csv)
        .post_as(&stack, "ApiKey-v1 x")
        .await;
    assert_eq!(stranger.0, 403);

    let template = ("template_id", "", stack.demo("EMAIL_TEMPLATE_ID"));
    let part = (
        "file",
        "; filename=\"may.csv\"",
        "email address,name\na@example.org,Ada\n",
    );
    for (parts, words) in [
        (vec![template], "file is a required property"),
        (vec![part, template], "template_id is a required property"),
        (
            vec![template, part, ("name", "", "x")],
            "name comes after file",
        ),
        (
            vec![template, template, part],
            "template_id is given more than once",
        ),
    ] {
        let (status, text) = refusal(&Upload::multipart(&parts).post(&stack).await);
        assert_eq!(status, 400, "{words}: {text}");
        assert!(text.contains(words), "{words}: {text}");
    }
    nothing_is_stored(&stack).await;
}

/// The most memory that a process has had, in megabytes.
fn peak_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kb: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kb / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_of_gzip_is_given_up_at_the_limit_and_takes_no_memory() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let pid = stack.process(Member::Api).id();
    let before = peak_mb(pid);
    // 300 MB of blank lines, which are no rows.
    let bomb = Upload {
        body: vec![b'\n'; 300 << 20],
        ..Upload::csv(&stack, "text/csv", "")
    };
    let bomb = bomb.gzipped();
    assert!(bomb.body.len() < 1 << 20);
    let (status, text) = refusal(&bomb.post(&stack).await);
    assert_eq!(status, 413, "{text}");
    let took = peak_mb(pid) - before;
    assert!(took < 40, "{took} MB");
    nothing_is_stored(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn millions_of_fields_take_no_memory_and_few_words() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let pid = stack.process(Member::Api).id();
    let json: String = (0..2_000_000).map(|n| format!("\"x{n:07}\":1,")).collect();
    let json = Upload {
        query: String::new(),
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: format!("{{{json}\"y\":1}}").into_bytes(),
    };
    let names: Vec<String> = (0..100_000).map(|n| format!("x{n:07}")).collect();
    let parts: Vec<_> = names.iter().map(|name| (name.as_str(), "", "")).collect();
    for bomb in [Upload::multipart(&parts).gzipped(), json.gzipped()] {
        let before = peak_mb(pid);
        let answer = bomb.post(&stack).await;
        let (status, text) = refusal(&answer);
        assert_eq!(status, 400, "{text:.500}");
        assert!(text.contains("there are more than 20"), "{text:.500}");
        assert!(answer.1.to_string().len() < 500, "{text:.500}");
        // The body of 26 MB itself, which is gathered in a growing buffer; not what is in it.
        let took = peak_mb(pid) - before;
        assert!(took < 120, "{took} MB");
    }
    nothing_is_stored(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let stack = Stack::start(StackOptions::default()).await;
    let csv = format!("name\n{}", "Ada\n".repeat(8 << 20));
    for _ in 0..5 {
        let upload = Upload::csv(&stack, "text/csv", csv.clone());
        let (status, text) = refusal(&upload.post(&stack).await);
        assert_eq!(
            (status, text.as_str()),
            (400, "Missing column headers: email address.")
        );
    }
    let large = Upload::csv(&stack, "text/csv", vec![b'a'; (64 << 20) + 1]);
    assert_eq!(large.post(&stack).await.0, 413);
}
