use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;

async fn open(folder: &Path) -> Result<Objects> {
    let location = Location::Folder(folder.to_owned());
    Objects::open(&location, ANSWERS_WITHIN).await
}

/// A folder that is not there yet, below one that is.
async fn fresh() -> (TempDir, Objects) {
    let above = TempDir::new().unwrap();
    let objects = open(&above.path().join("new/objects")).await.unwrap();
    (above, objects)
}

fn jobs_of(above: &TempDir) -> std::path::PathBuf {
    above.path().join("new/objects/jobs")
}

#[tokio::test]
async fn objects_of_a_folder_are_kept_until_their_job_is_removed() {
    let (above, objects) = fresh().await;
    objects_are_kept_until_their_job_is_removed(&objects).await;
    let left: Vec<_> = fs::read_dir(jobs_of(&above)).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn jobs_of_a_folder_are_listed_page_by_page() {
    let (above, objects) = fresh().await;
    let foreign = jobs_of(&above);
    fs::create_dir(foreign.join("lost+found")).unwrap();
    fs::write(foreign.join("README"), "").unwrap();
    jobs_with_objects_are_listed_page_by_page(&objects).await;
}

#[tokio::test]
async fn what_one_process_wrote_another_reads() {
    let (above, objects) = fresh().await;
    write(&objects, chunk(1, 0), "one").await;
    let other = open(&above.path().join("new/objects")).await.unwrap();
    assert_eq!(read(&other, chunk(1, 0)).await.unwrap(), "one");
    assert_eq!(other.location(), objects.location());
}

#[tokio::test]
async fn a_folder_that_is_made_is_for_its_user_alone() {
    let (above, _objects) = fresh().await;
    for made in ["new", "new/objects", "new/objects/jobs"] {
        let mode = fs::metadata(above.path().join(made)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o700, "{made}");
    }
}

#[tokio::test]
async fn a_file_that_was_never_finished_is_not_read_and_goes_with_its_job() {
    let (above, objects) = fresh().await;
    let folder = jobs_of(&above).join(job(1).to_string());
    fs::create_dir(&folder).unwrap();
    // What a process that is killed while it writes leaves.
    fs::write(folder.join("0#1"), "ha").unwrap();
    assert_eq!(read(&objects, chunk(1, 0)).await, None);
    assert_eq!(page(&objects, None, 10).await, [1]);
    write(&objects, chunk(1, 0), "whole").await;
    assert_eq!(read(&objects, chunk(1, 0)).await.unwrap(), "whole");
    objects.remove(job(1)).await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_while_another_writes_gets_a_whole_object() {
    let (_above, objects) = fresh().await;
    let texts = [b'a', b'b'].map(|letter| Bytes::from(vec![letter; 300_000]));
    objects.put(chunk(1, 0), texts[0].clone()).await.unwrap();
    let writes = async {
        for n in 0..40 {
            let text = texts[n % 2].clone();
            objects.put(chunk(1, 0), text).await.unwrap();
        }
    };
    let reads = async {
        for _ in 0..200 {
            let found = objects.get(chunk(1, 0)).await.unwrap().unwrap();
            assert!(texts.contains(&found), "{} bytes", found.len());
        }
    };
    futures::join!(writes, reads);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_not_an_empty_one_and_is_not_written_to() {
    let (above, objects) = fresh().await;
    write(&objects, chunk(1, 0), "one").await;
    fs::rename(above.path().join("new"), above.path().join("unmounted")).unwrap();
    let gone = Error::Refused("its folder is not there".to_owned());
    assert_eq!(objects.get(chunk(1, 0)).await, Err(gone.clone()));
    assert_eq!(
        objects.put(chunk(1, 1), Bytes::new()).await,
        Err(gone.clone())
    );
    assert_eq!(objects.remove(job(1)).await, Err(gone));
    assert!(objects.jobs(None, 1).await.is_err());
    assert!(!above.path().join("new").exists());
    fs::rename(above.path().join("unmounted"), above.path().join("new")).unwrap();
    assert_eq!(read(&objects, chunk(1, 0)).await.unwrap(), "one");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_at_once() {
    let above = TempDir::new().unwrap();
    let file = above.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
}

#[tokio::test]
async fn too_large_an_object_is_neither_written_nor_read() {
    let (above, objects) = fresh().await;
    let n_bytes = LARGEST_BYTES + 1;
    let refused = Err(Error::TooLarge {
        n_bytes,
        most: LARGEST_BYTES,
    });
    let bytes = Bytes::from(vec![0; usize::try_from(n_bytes).unwrap()]);
    assert_eq!(objects.put(chunk(1, 0), bytes).await, refused);
    let folder = jobs_of(&above).join(job(1).to_string());
    fs::create_dir(&folder).unwrap();
    // Sparse: it takes no room.
    let file = fs::File::create(folder.join("0")).unwrap();
    file.set_len(n_bytes).unwrap();
    assert_eq!(objects.get(chunk(1, 0)).await.map(drop), refused);
}
