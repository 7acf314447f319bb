//! The forms that a mailing may have, and what is read of each.

use carillon_test_support::{Stack, StackOptions, eventually};
use serde_json::{Value, json};

use super::uploads::{Upload, read_invalid_rows};
use super::{WITHIN, file, id, job, until};

/// Waits until a row was saved for this name, and for nobody else.
async fn saved_for(stack: &Stack, job: &Value, name: &str) {
    let query = format!(
        "SELECT count(*) FROM notifications WHERE job_id = '{}' AND personalisation->>'name' = '{name}'",
        id(job)
    );
    eventually(&format!("a row for {name}"), WITHIN, async || {
        (stack.database.number(&query).await == 1).then_some(())
    })
    .await;
}

fn data((status, answer): (u16, Value)) -> Value {
    assert_eq!(status, 201, "{answer}");
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_in_its_charset() {
    let stack = Stack::start(StackOptions::default()).await;
    let text = "email address,name\nzoe@example.org,Zoë\n";
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let windows_1252 = text.replace('ë', "\u{0}");
    let windows_1252: Vec<u8> = windows_1252
        .bytes()
        .map(|byte| if byte == 0 { 0xeb } else { byte })
        .collect();
    for (what, content_type, bytes) in [
        ("UTF-8", "text/csv", text.as_bytes().to_vec()),
        (
            "a mark of UTF-8",
            "text/csv",
            format!("\u{feff}{text}").into_bytes(),
        ),
        (
            "a mark of UTF-16",
            "text/csv",
            [&[0xff, 0xfe][..], &utf_16].concat(),
        ),
        ("UTF-16", "text/csv; charset=utf-16le", utf_16.clone()),
        (
            "Windows-1252",
            "text/csv; charset=windows-1252",
            windows_1252,
        ),
    ] {
        let upload = Upload::csv(&stack, content_type, bytes);
        let job = data(upload.post(&stack).await);
        assert_eq!(job["notification_count"], 1, "{what}");
        saved_for(&stack, &job, "Zoë").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_told_of_in_gc_notify_s_words_whichever_form_it_has() {
    let stack = Stack::start(StackOptions::default()).await;
    let template = stack.demo("EMAIL_TEMPLATE_ID");
    // Blank lines are no rows; columns are found in any spelling and place.
    let csv =
        "\r\n;Name;E-mail_Address \r\n;Ada;ada@example.org\r\n;;\r\n\r\nx;Bo;bo@example.org\r\n";
    let rows = json!([
        ["NAME", "Email Address"],
        [],
        ["Ada", "ada@example.org"],
        ["Bo", "bo@example.org"]
    ]);
    let json = json!({"template_id": template, "name": "May", "rows": rows, "reference": "unused"});
    let multipart = [
        ("template_id", "", template),
        ("file", "; filename=\"May\"\r\nContent-Type: text/csv", csv),
    ];
    let answers = [
        stack.post("/bulk", &stack.key(), &json).await,
        stack
            .post(
                "/v2/notifications/bulk",
                &stack.key(),
                &json!({"template_id": template, "name": "May", "csv": csv}),
            )
            .await,
        Upload::csv(&stack, "text/csv", csv).post(&stack).await,
        Upload::csv(&stack, "text/csv", csv)
            .gzipped()
            .post(&stack)
            .await,
        Upload::multipart(&multipart).post(&stack).await,
        Upload::multipart(&multipart).gzipped().post(&stack).await,
    ];
    for answer in answers {
        let job = data(answer);
        assert_eq!(job["notification_count"], 2);
        assert_eq!(job["invalid_rows"], 0);
        assert_eq!(job["job_status"], "pending");
        assert_eq!(job["original_file_name"], "May");
        assert_eq!(job["template"], template);
        assert_eq!(job["template_version"], 1);
        assert_eq!(job["template_type"], "email");
        assert_eq!(job["service"], stack.demo("SERVICE_ID"));
        assert_eq!(job["api_key"]["key_type"], "normal");
        assert!(job["api_key"]["name"].is_string() && job["service_name"]["name"].is_string());
        for name in [
            "created_by",
            "scheduled_for",
            "sender_id",
            "processing_started",
        ] {
            assert_eq!(job[name], Value::Null, "{name}");
        }
        assert_eq!(job["archived"], false);
        saved_for(&stack, &job, "Bo").await;
        let path = format!("/bulk/{}", id(&job));
        let read = eventually("both are delivered", WITHIN, async || {
            let (status, answer) = stack.get(&path, &stack.key()).await;
            assert_eq!(status, 200, "{answer}");
            let counts = json!([{"status": "delivered", "count": 2}]);
            (answer["data"]["statistics"] == counts).then(|| answer["data"].clone())
        })
        .await;
        assert_eq!(read["id"], job["id"]);
        assert!(read["processing_started"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_skipped_if_that_is_wanted_and_offered_as_a_file() {
    let stack = Stack::start(StackOptions::default()).await;
    let csv = file([
        "nobody,\"=1+1\"\n".to_owned(),
        "ada@example.org,Ada\n".to_owned(),
        "bo@example.org\n".to_owned(),
    ]);
    let upload = Upload::csv(&stack, "text/csv", csv).skipping_bad_rows();
    let made = data(upload.post(&stack).await);
    assert_eq!(
        (&made["notification_count"], &made["invalid_rows"]),
        (&json!(1), &json!(2))
    );
    let job_id = id(&made);
    until(&stack, job_id, "finished", ("delivered", 1)).await;

    let (headers, text) = read_invalid_rows(&stack, job_id).await;
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert!(header("content-disposition").starts_with("attachment; filename="));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "email address,name,error");
    assert!(lines[1].starts_with("nobody,'=1+1,"), "{text}");
    assert!(lines[2].starts_with("bo@example.org,,"), "{text}");
    assert_eq!(lines.len(), 3, "{text}");

    // The row that was sent has the number of its place in the file.
    let (_, rows) = stack
        .get(&format!("/api/jobs/{job_id}/rows"), &stack.admin())
        .await;
    assert_eq!(rows["rows"][0]["row"], 2, "{rows}");
    assert_eq!(rows["rows"][0]["recipient"], "ada@example.org");
    let all_bad = Upload::csv(&stack, "text/csv", file(["nobody,x\n".to_owned()]));
    assert_eq!(all_bad.skipping_bad_rows().post(&stack).await.0, 400);
    let shown = job(&stack, job_id).await;
    assert_eq!(shown["rows"], json!({"total": 1, "saved": 1, "invalid": 2}));
}
