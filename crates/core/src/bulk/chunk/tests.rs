use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn row(number: u32, name: &str) -> JobRow {
    JobRow {
        number,
        recipient: format!("Ada{number}@example.org"),
        normalised: format!("ada{number}@example.org"),
        reference: None,
        values: Map::from_iter([("name".to_owned(), Value::from(name))]),
    }
}

fn pack(rows: &[JobRow], rows_per_chunk: usize) -> Vec<Chunk> {
    let mut writer = ChunkWriter::new(rows_per_chunk);
    rows.iter().for_each(|row| writer.push(row));
    writer.finish()
}

/// A payload of any JSON.
fn payload(json: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(vec![FORMAT], Compression::fast());
    packer.write_all(json).unwrap();
    packer.finish().unwrap()
}

#[test]
fn chunks_know_their_rows() {
    let rows: Vec<_> = [1, 2, 4, 5, 9].map(|number| row(number, "Ada")).to_vec();
    let chunks = pack(&rows, 2);
    let ranges: Vec<_> = chunks
        .iter()
        .map(|chunk| (chunk.first_row, chunk.n_rows))
        .collect();
    assert_eq!(ranges, [(1, 2), (4, 2), (9, 1)]);
    assert_eq!(read_chunk(&chunks[1].payload).unwrap(), rows[2..4]);
    assert_eq!(pack(&[], 2), []);
}

#[test]
fn a_chunk_is_closed_when_its_rows_are_long() {
    let long = "x".repeat(FULL_BYTES / 2);
    let rows: Vec<_> = (1..=5).map(|number| row(number, &long)).collect();
    let chunks = pack(&rows, 500);
    let ranges: Vec<_> = chunks
        .iter()
        .map(|chunk| (chunk.first_row, chunk.n_rows))
        .collect();
    assert_eq!(ranges, [(1, 2), (3, 2), (5, 1)]);
}

#[test]
fn the_size_is_that_of_the_payloads() {
    let mut writer = ChunkWriter::new(2);
    for number in 1..=4 {
        writer.push(&row(number, "Ada"));
    }
    let size = writer.size();
    let chunks = writer.finish();
    assert_eq!(
        size,
        chunks
            .iter()
            .map(|chunk| chunk.payload.len())
            .sum::<usize>()
    );
}

#[test]
fn a_payload_that_was_cut_is_never_taken_for_a_good_one() {
    let rows: Vec<_> = (1..=20).map(|number| row(number, "Ada")).collect();
    let payload = &pack(&rows, 20)[0].payload;
    for length in 0..payload.len() {
        assert!(read_chunk(&payload[..length]).is_err(), "{length}");
    }
    let longer = [&payload[..], &[0]].concat();
    assert!(matches!(read_chunk(&longer), Err(ChunkError::Trailing(1))));
}

#[test]
fn a_changed_payload_is_an_error_or_still_means_the_same() {
    let rows: Vec<_> = (1..=20).map(|number| row(number, "Ada")).collect();
    let payload = &pack(&rows, 20)[0].payload;
    // Some bits of gzip's header say nothing of the content, nor do those that fill its last byte.
    let bits = (0..payload.len()).flat_map(|index| (0..8).map(move |bit| (index, bit)));
    let mut n_errors = 0;
    for (index, bit) in bits {
        let mut changed = payload.clone();
        changed[index] ^= 1 << bit;
        match read_chunk(&changed) {
            Ok(read) => assert_eq!(read, rows, "byte {index}, bit {bit}"),
            Err(_) => n_errors += 1,
        }
    }
    assert!(n_errors > (payload.len() - 12) * 8, "{n_errors}");
}

#[test]
fn a_newer_format_is_named() {
    assert!(matches!(
        read_chunk(&[2, 0]),
        Err(ChunkError::UnknownFormat(2))
    ));
    assert!(matches!(read_chunk(&[]), Err(ChunkError::Empty)));
}

#[test]
fn a_bomb_is_refused() {
    let size = usize::try_from(MAX_INFLATED_BYTES).unwrap() + 1;
    let bomb = payload(&vec![b' '; size]);
    assert!(bomb.len() < size / 100);
    assert!(matches!(read_chunk(&bomb), Err(ChunkError::TooLarge)));
}

#[test]
fn what_is_not_rows_is_refused_and_not_quoted() {
    let error = read_chunk(&payload(br#"[{"n":"secret"}]"#)).unwrap_err();
    assert!(matches!(error, ChunkError::NotRows { line: 1, .. }));
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert!(!format!("{:?}", pack(&[row(1, "Ada")], 1)).contains("31"));
}

fn any_row() -> impl Strategy<Value = JobRow> {
    let value = prop_oneof![
        ".*".prop_map(Value::from),
        vec(".*", 0..3).prop_map(Value::from)
    ];
    let values = vec((".*", value), 0..4).prop_map(Map::from_iter);
    let reference = proptest::option::of(".*");
    (any::<u32>(), ".*", ".*", reference, values).prop_map(
        |(number, recipient, normalised, reference, values)| JobRow {
            number,
            recipient,
            normalised,
            reference,
            values,
        },
    )
}

proptest! {
    #[test]
    fn rows_read_back_the_same(rows in vec(any_row(), 0..12), rows_per_chunk in 0usize..5) {
        let chunks = pack(&rows, rows_per_chunk);
        let mut read = Vec::new();
        for chunk in &chunks {
            let of_chunk = read_chunk(&chunk.payload).unwrap();
            prop_assert_eq!(of_chunk[0].number, chunk.first_row);
            prop_assert_eq!(of_chunk.len(), chunk.n_rows as usize);
            read.extend(of_chunk);
        }
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn any_bytes_are_judged(bytes in vec(any::<u8>(), 0..200), json in ".*") {
        let _ = read_chunk(&bytes);
        let _ = read_chunk(&[&[FORMAT][..], &bytes].concat());
        let _ = read_chunk(&payload(json.as_bytes()));
    }
}
