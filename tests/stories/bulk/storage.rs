//! Mailings whose rows are kept outside of PostgreSQL until they are saved.

use std::path::Path;

use carillon_test_support::{Moto, Stack, StackOptions};

use super::uploads::{Upload, read_invalid_rows};
use super::{file, id, until};

/// An installation that keeps rows there.
async fn stack(storage: String, more: Vec<(&'static str, String)>) -> Stack {
    let mut env = vec![("CARILLON__JOBS__STORAGE", storage)];
    env.extend(more);
    Stack::start(StackOptions {
        env,
        ..StackOptions::default()
    })
    .await
}

/// Sends a mailing with a bad row, and reads that back.
async fn goes_through(stack: &Stack) {
    let csv = file([
        "ada@example.org,Ada\n".to_owned(),
        "nobody,Bo\n".to_owned(),
        "cy@example.org,Cy\n".to_owned(),
    ]);
    let upload = Upload::csv(stack, "text/csv", csv).skipping_bad_rows();
    let (status, answer) = upload.post(stack).await;
    assert_eq!(status, 201, "{answer}");
    let made = &answer["data"];
    until(stack, id(made), "finished", ("delivered", 2)).await;
    let (_, text) = read_invalid_rows(stack, id(made)).await;
    assert!(text.contains("\nnobody,Bo,"), "{text}");
    let here = "SELECT count(*) FROM job_payloads";
    assert_eq!(stack.database.number(here).await, 0);
    stack.assert_settled().await;
}

fn n_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { n_files(&path) } else { 1 })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailing_whose_rows_are_in_a_folder_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("mailings");
    let stack = stack(format!("file://{}", place.display()), Vec::new()).await;
    goes_through(&stack).await;
    // One chunk, and the rows that were left out.
    assert_eq!(n_files(&place), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailing_whose_rows_are_in_a_bucket_is_sent() {
    let moto = Moto::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let made = client.put(format!("{}/mailings", moto.url())).send().await;
    assert!(made.unwrap().status().is_success());
    let account = vec![
        ("AWS_ENDPOINT_URL_S3", moto.url().to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI".to_owned()),
    ];
    let stack = stack("s3://mailings/carillon".to_owned(), account).await;
    goes_through(&stack).await;
    let listed = client
        .get(format!("{}/mailings?list-type=2", moto.url()))
        .send()
        .await
        .unwrap();
    let listed = listed.text().await.unwrap();
    assert_eq!(listed.matches("<Key>carillon/").count(), 2, "{listed}");
}
