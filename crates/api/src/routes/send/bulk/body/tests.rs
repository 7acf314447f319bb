use std::io::Write;
use std::pin::Pin;

use actix_web::FromRequest;
use actix_web::test::TestRequest;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

async fn body(bytes: Vec<u8>, packing: Packing, limit: usize) -> Result<Body, BodyFault> {
    let (request, mut payload) = TestRequest::default().set_payload(bytes).to_http_parts();
    let payload = Payload::from_request(&request, &mut payload).await.unwrap();
    Body::open(&request, payload, packing, limit)
}

/// How much was read, and how it ended.
async fn read(bytes: Vec<u8>, packing: Packing, limit: usize) -> (usize, Result<(), BodyFault>) {
    let mut body = match body(bytes, packing, limit).await {
        Ok(body) => body,
        Err(fault) => return (0, Err(fault)),
    };
    let mut n_bytes = 0;
    loop {
        match body.next().await {
            Ok(Some(piece)) => n_bytes += piece.len(),
            Ok(None) => return (n_bytes, Ok(())),
            Err(fault) => return (n_bytes, Err(fault)),
        }
    }
}

fn packed(n_bytes: usize) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&vec![b'a'; n_bytes]).unwrap();
    packer.finish().unwrap()
}

#[actix_web::test]
async fn a_body_of_just_the_limit_is_taken_packed_or_not() {
    assert_eq!(
        read(vec![b'a'; 1000], Packing::None, 1000).await,
        (1000, Ok(()))
    );
    assert_eq!(
        read(packed(1000), Packing::Gzip, 1000).await,
        (1000, Ok(()))
    );
    let one_more = (0, Err(BodyFault::TooLarge(1000)));
    assert_eq!(read(vec![b'a'; 1001], Packing::None, 1000).await, one_more);
    assert_eq!(read(packed(1001), Packing::Gzip, 1000).await, one_more);
}

#[actix_web::test]
async fn a_bomb_is_given_up_at_the_limit() {
    let bomb = packed(256 << 20);
    let (n_bytes, ended) = read(bomb, Packing::Gzip, 1 << 20).await;
    assert_eq!(ended, Err(BodyFault::TooLarge(1 << 20)));
    assert!(n_bytes <= 1 << 20);
}

#[actix_web::test]
async fn what_is_cut_off_is_no_gzip() {
    let mut cut = packed(1000);
    cut.pop();
    assert_eq!(
        read(cut, Packing::Gzip, 1000).await.1,
        Err(BodyFault::NotGzip)
    );
}

#[actix_web::test]
async fn a_fault_comes_out_of_the_stream_as_it_was() {
    let body = body(packed(1001), Packing::Gzip, 1000).await.unwrap();
    let pieces: Vec<_> = body
        .into_stream(Bytes::new(), Rc::default())
        .collect()
        .await;
    let error = pieces.iter().find_map(|piece| piece.as_ref().err());
    assert_eq!(fault(error.unwrap()), BodyFault::TooLarge(1000));
}

#[tokio::test(start_paused = true)]
async fn a_body_of_which_nothing_more_comes_is_given_up() {
    let (request, _) = TestRequest::default().to_http_parts();
    let begun = stream::once(async { Ok(Bytes::from_static(b"a")) });
    let pieces: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> =
        Box::pin(begun.chain(stream::pending()));
    let mut payload = actix_web::dev::Payload::Stream { payload: pieces };
    let payload = Payload::from_request(&request, &mut payload).await.unwrap();
    let mut body = Body::open(&request, payload, Packing::None, 1000).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "a");
    assert_eq!(body.next().await, Err(BodyFault::Stalled));
}
