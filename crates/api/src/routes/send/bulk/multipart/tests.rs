use std::pin::Pin;

use actix_web::FromRequest;
use actix_web::test::TestRequest;
use actix_web::web::Payload;
use carillon_core::clock;
use futures::{Stream, stream};

use super::super::fields::parameters;
use super::super::form::Packing;
use super::*;

const TEMPLATE: &str = "00000000-0000-0000-0000-000000000001";

/// Nothing here waits for anything.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// A part: its name, more of its headers, and what is in it.
fn part(name: &str, more: &str, text: &str) -> String {
    format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{text}\r\n")
}

/// What is read of a body of these parts: the name, the charset and the file.
async fn read(parts: &[String]) -> Result<(String, Option<String>, String), String> {
    let text = format!("{}--x--\r\n", parts.concat());
    read_raw(text).await
}

async fn read_raw(text: String) -> Result<(String, Option<String>, String), String> {
    let (request, mut payload) = TestRequest::default()
        .insert_header(("Content-Type", "multipart/form-data; boundary=x"))
        .set_payload(text)
        .to_http_parts();
    let payload = Payload::from_request(&request, &mut payload).await.unwrap();
    let body = Body::open(&request, payload, Packing::None, 1 << 20).unwrap();
    let (_, parameters) = parameters("").unwrap();
    let opened = open(
        request.headers(),
        body,
        parameters,
        clock::now(),
        &mut Seen::nothing(),
    )
    .await;
    let (fields, mut file) = opened.map_err(|error| format!("{error:?}"))?;
    let mut bytes = Vec::new();
    while let Some(piece) = file.next().await.map_err(|error| format!("{error:?}"))? {
        bytes.extend_from_slice(&piece);
    }
    Ok((fields.name, file.charset, String::from_utf8(bytes).unwrap()))
}

fn template() -> String {
    part("template_id", "", TEMPLATE)
}

fn file() -> String {
    part("file", "; filename=\"may.csv\"", "a,b\r\n1,2\r\n")
}

#[actix_web::test]
async fn the_file_is_the_last_part_and_its_name_is_the_job_s_unless_that_has_one() {
    let (name, charset, text) = read(&[template(), file()]).await.unwrap();
    assert_eq!(
        (name.as_str(), charset, text.as_str()),
        ("may.csv", None, "a,b\r\n1,2\r\n")
    );
    let (name, ..) = read(&[template(), part("name", "", "June"), file()])
        .await
        .unwrap();
    assert_eq!(name, "June");
    let more = "; filename=\"a\"\r\nContent-Type: text/csv; charset=windows-1252";
    let (_, charset, _) = read(&[template(), part("file", more, "a")]).await.unwrap();
    assert_eq!(charset.as_deref(), Some("windows-1252"));
}

#[actix_web::test]
async fn a_part_that_is_missing_doubled_or_in_the_wrong_place_is_named() {
    for (parts, words) in [
        (vec![template()], "file is a required property"),
        (vec![file()], "template_id is a required property"),
        (
            vec![template(), template(), file()],
            "template_id is given more than once",
        ),
        (
            vec![template(), file(), part("name", "", "n")],
            "name comes after file",
        ),
        (vec![template(), file(), file()], "file comes after file"),
        (
            vec![template(), part("colour", "", "red"), file()],
            "(colour was unexpected)",
        ),
        (
            vec![template(), part("file", "", "a")],
            "name is a required property",
        ),
        (
            vec![part("name", "", &"x".repeat(10_001))],
            "name is longer than 10000 bytes",
        ),
    ] {
        let error = read(&parts).await.unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[actix_web::test]
async fn a_body_of_ten_thousand_parts_is_refused_in_a_few_words() {
    let many = (0..10_000).map(|n| part(&format!("x{n}"), "", ""));
    let parts: Vec<String> = std::iter::once(template()).chain(many).collect();
    let error = read(&parts).await.unwrap_err();
    assert!(error.contains("there are more than 20"), "{error:.500}");
    // Nor are their names gathered when one is there many times.
    let same = vec![part("name", "", "May"); 21];
    assert!(
        read(&same)
            .await
            .unwrap_err()
            .contains("there are more than 20")
    );
}

/// What is read of a body that comes in pieces.
async fn read_pieces(pieces: Vec<Bytes>) -> Result<usize, String> {
    let (request, _) = TestRequest::default()
        .insert_header(("Content-Type", "multipart/form-data; boundary=x"))
        .to_http_parts();
    let n_given = Rc::new(std::cell::Cell::new(0));
    let given = Rc::clone(&n_given);
    let pieces: Pin<Box<dyn Stream<Item = _>>> =
        Box::pin(stream::iter(pieces).map(move |piece: Bytes| {
            given.set(given.get() + piece.len());
            Ok(piece)
        }));
    let mut payload = actix_web::dev::Payload::Stream { payload: pieces };
    let payload = Payload::from_request(&request, &mut payload).await.unwrap();
    let body = Body::open(&request, payload, Packing::None, 64 << 20).unwrap();
    let (_, parameters) = parameters("").unwrap();
    let opened = open(
        request.headers(),
        body,
        parameters,
        clock::now(),
        &mut Seen::nothing(),
    )
    .await;
    let read = async {
        let mut n_bytes = 0;
        let (_, mut file) = opened?;
        while let Some(piece) = file.next().await? {
            n_bytes += piece.len();
        }
        Ok::<usize, NotifyError>(n_bytes)
    };
    read.await
        .map_err(|error| format!("{error:?}; {} MiB taken", n_given.get() >> 20))
}

#[actix_web::test]
async fn nothing_but_the_file_is_long() {
    let piece = Bytes::from(vec![b'a'; 64 << 10]);
    let long = |before: String, after: String| {
        let pieces = [Bytes::from(before)].into_iter();
        let pieces = pieces.chain(vec![piece.clone(); 1_000]);
        pieces.chain([Bytes::from(after)]).collect::<Vec<_>>()
    };
    let head = "Content-Disposition: form-data; name=\"file\"; filename=\"may.csv\"\r\n\r\n";
    let file = format!("{}--x\r\n{head}", template());
    let read = read_pieces(long(file.clone(), "\r\n--x--\r\n".to_owned())).await;
    assert_eq!(read, Ok(1_000 * (64 << 10)));
    for before in [
        // Before the first part, in a part's headers, in a field, and behind the file.
        String::new(),
        format!(
            "{}--x\r\nContent-Disposition: form-data; name=\"",
            template()
        ),
        part("name", "", "").trim_end().to_owned() + "\r\n\r\n",
        format!("{file}\r\n--x\r\nContent-Disposition: form-data; name=\""),
    ] {
        let error = read_pieces(long(before.clone(), String::new())).await;
        let error = error.unwrap_err();
        assert!(
            error.contains("are longer than 1048576 bytes"),
            "{before}: {error}"
        );
        assert!(error.contains("; 1 MiB taken"), "{before}: {error}");
    }
}

#[actix_web::test]
async fn a_body_that_is_cut_anywhere_is_refused_and_not_waited_for() {
    let whole = format!("{}{}--x--", template(), file());
    assert!(read_raw(whole.clone()).await.is_ok());
    for n_bytes in 0..whole.len() {
        let cut = &whole[..n_bytes];
        let read = tokio::time::timeout(WITHIN, read_raw(cut.to_owned())).await;
        assert!(read.expect("an answer").is_err(), "{cut}");
    }
}

#[actix_web::test]
async fn a_body_that_is_no_multipart_is_refused() {
    for text in ["nonsense", "\r\n\r\n", "a,b\n1,2\n"] {
        assert!(read_raw(text.to_owned()).await.is_err(), "{text}");
    }
}
