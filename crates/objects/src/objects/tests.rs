mod faults;
mod in_a_bucket;
mod in_a_folder;

use uuid::Uuid;

use super::*;

const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A job; ids ascend with the number.
fn job(n: u128) -> JobId {
    JobId(Uuid::from_u128(n))
}

fn chunk(n: u128, chunk: i32) -> Key {
    Key::Chunk { job: job(n), chunk }
}

async fn write(objects: &Objects, key: Key, text: &str) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    objects.put(key, bytes).await.unwrap();
}

async fn read(objects: &Objects, key: Key) -> Option<String> {
    let found = objects.get(key).await.unwrap();
    found.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

async fn page(objects: &Objects, after: Option<u128>, limit: usize) -> Vec<u128> {
    let jobs = objects.jobs(after.map(job), limit).await.unwrap();
    jobs.iter().map(|stored| stored.job.0.as_u128()).collect()
}

/// What holds of every place.
async fn objects_are_kept_until_their_job_is_removed(objects: &Objects) {
    let rows = Key::InvalidRows { job: job(2) };
    assert_eq!(read(objects, chunk(1, 0)).await, None);
    objects.remove(job(1)).await.unwrap();
    write(objects, chunk(1, 0), "one").await;
    write(objects, chunk(2, 0), "two").await;
    write(objects, chunk(2, 1), "").await;
    write(objects, rows, "row,reason\n").await;
    write(objects, chunk(1, 0), "one again").await;
    assert_eq!(read(objects, chunk(1, 0)).await.unwrap(), "one again");
    assert_eq!(read(objects, chunk(2, 0)).await.unwrap(), "two");
    assert_eq!(read(objects, chunk(2, 1)).await.unwrap(), "");
    assert_eq!(read(objects, rows).await.unwrap(), "row,reason\n");
    assert_eq!(read(objects, chunk(2, 2)).await, None);
    assert_eq!(read(objects, Key::InvalidRows { job: job(1) }).await, None);

    objects.remove(job(2)).await.unwrap();
    assert_eq!(read(objects, chunk(2, 0)).await, None);
    assert_eq!(read(objects, rows).await, None);
    assert_eq!(read(objects, chunk(1, 0)).await.unwrap(), "one again");
}

/// What holds of every place.
async fn jobs_with_objects_are_listed_page_by_page(objects: &Objects) {
    assert_eq!(page(objects, None, 10).await, []);
    let first = carillon_core::clock::now();
    for n in [0x30, 1, 0x2f, 0xff] {
        for nth in [0, 1, 10] {
            write(objects, chunk(n, nth), "x").await;
        }
    }
    assert_eq!(page(objects, None, 10).await, [1, 0x2f, 0x30, 0xff]);
    assert_eq!(page(objects, None, 2).await, [1, 0x2f]);
    assert_eq!(page(objects, Some(0x2f), 1).await, [0x30]);
    assert_eq!(page(objects, Some(0x2e), 9).await, [0x2f, 0x30, 0xff]);
    assert_eq!(page(objects, Some(0xff), 9).await, []);
    for stored in objects.jobs(None, 10).await.unwrap() {
        // Some keep whole seconds.
        let age = stored.changed_at - first;
        assert!((-1_000..60_000).contains(&age.num_milliseconds()), "{age}");
    }
}
