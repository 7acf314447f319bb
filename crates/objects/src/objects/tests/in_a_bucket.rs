use carillon_test_support::Moto;
use reqwest::Client;

use super::faults::bucket;
use super::*;

#[tokio::test]
async fn objects_of_a_bucket_are_as_those_of_a_folder() {
    let moto = Moto::start().await;
    for prefix in ["", "carillon/prod"] {
        let objects = bucket(moto.url(), prefix, ANSWERS_WITHIN);
        let error = objects.get(chunk(1, 0)).await.unwrap_err();
        assert_eq!(error, Error::Refused("status 404, NoSuchBucket".to_owned()));
        make_bucket(&moto).await;
        jobs_with_objects_are_listed_page_by_page(&objects).await;
        for n in [1, 0x2f, 0x30, 0xff] {
            objects.remove(job(n)).await.unwrap();
        }
        objects_are_kept_until_their_job_is_removed(&objects).await;
        assert_eq!(page(&objects, None, 10).await, [1]);
        moto.reset().await;
    }
}

#[tokio::test]
async fn installations_that_share_a_bucket_are_apart_by_their_prefixes() {
    let moto = Moto::start().await;
    make_bucket(&moto).await;
    let [one, other] = ["one", "one2"].map(|prefix| bucket(moto.url(), prefix, ANSWERS_WITHIN));
    write(&one, chunk(1, 0), "mine").await;
    write(&other, chunk(2, 0), "yours").await;
    assert_eq!(page(&one, None, 10).await, [1]);
    assert_eq!(read(&other, chunk(1, 0)).await, None);
    other.remove(job(1)).await.unwrap();
    assert_eq!(read(&one, chunk(1, 0)).await.unwrap(), "mine");
}

#[tokio::test]
async fn a_job_of_more_objects_than_one_answer_lists_is_removed_as_a_whole() {
    let moto = Moto::start().await;
    make_bucket(&moto).await;
    let objects = bucket(moto.url(), "", ANSWERS_WITHIN);
    let writes = (0..1_005).map(|n| {
        let objects = objects.clone();
        async move { write(&objects, chunk(1, n), "x").await }
    });
    futures::StreamExt::for_each_concurrent(futures::stream::iter(writes), 8, |write| write).await;
    objects.remove(job(1)).await.unwrap();
    assert_eq!(page(&objects, None, 10).await, []);
    assert_eq!(read(&objects, chunk(1, 1_004)).await, None);
}

async fn make_bucket(moto: &Moto) {
    let url = format!("{}/mailings", moto.url());
    let client = Client::builder().no_proxy().build().unwrap();
    let done = client.put(url).send().await.unwrap();
    assert!(done.status().is_success(), "{done:?}");
}
