use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::job_file::{MAX_CELL_BYTES, MAX_CELLS};

fn read(rows: &str) -> Result<Vec<(u64, Vec<String>)>, FileError> {
    let mut read = Vec::new();
    read_json(rows, &mut |item, cells| {
        read.push((item, cells));
        ControlFlow::Continue(())
    })?;
    Ok(read)
}

fn refusal(rows: &str) -> String {
    read(rows).unwrap_err().to_string()
}

#[test]
fn values_become_the_text_they_are_filled_in_as() {
    let rows = r#"[["a", "b"], ["é\"\n", 1, -2, 1.50, true, false, null]]"#;
    let cells = ["é\"\n", "1", "-2", "1.5", "True", "False", ""];
    assert_eq!(
        read(rows).unwrap(),
        [
            (1, vec!["a".to_owned(), "b".to_owned()]),
            (2, cells.map(str::to_owned).to_vec())
        ]
    );
}

#[test]
fn rows_without_anything_in_them_are_passed_over_and_counted() {
    let rows = r#"[["a"], [], [null, " "], ["1"]]"#;
    let items: Vec<_> = read(rows)
        .unwrap()
        .into_iter()
        .map(|(item, _)| item)
        .collect();
    assert_eq!(items, [1, 4]);
    assert_eq!(read("[]").unwrap(), []);
}

#[test]
fn anything_but_an_array_of_arrays_of_cells_is_refused_with_its_place() {
    for rows in ["{}", "\"secret\"", "null", "1"] {
        assert_eq!(refusal(rows), "rows must be an array of arrays.");
    }
    for rows in [
        r#"[["a"], {"a": 1}]"#,
        r#"[["a"], "secret"]"#,
        r#"[["a"], null]"#,
    ] {
        assert_eq!(
            refusal(rows),
            "There must be an array of cells at item 2 of rows."
        );
    }
    for rows in [
        r#"[["a"], [1, {"secret": 1}]]"#,
        r#"[["a"], [1, ["secret"]]]"#,
    ] {
        assert_eq!(
            refusal(rows),
            "There must be a string, number, boolean or null at cell 2 of item 2 of rows."
        );
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_place_in_it() {
    assert_eq!(
        refusal("[[\"a\"],\n[\"secret\""),
        "rows is not JSON: there is an error at line 2, column 9 of it."
    );
    for rows in ["", "[[1]] x", "[[1],]", "[[1e999]]"] {
        assert!(refusal(rows).starts_with("rows is not JSON"), "{rows:?}");
    }
}

#[test]
fn nul_and_long_cells_are_refused_with_their_place() {
    assert!(
        refusal(r#"[["a"], ["b", "\u0000"]]"#)
            .starts_with("There is a character U+0000 at cell 2 of item 2 of rows;")
    );
    let largest = "x".repeat(MAX_CELL_BYTES);
    assert!(read(&format!("[[\"{largest}\"]]")).is_ok());
    assert_eq!(
        refusal(&format!("[[1], [2, \"{largest}x\"]]")),
        "There are more than 1048576 bytes in one cell at cell 2 of item 2 of rows."
    );
    let widest = vec!["1"; MAX_CELLS + 1].join(",");
    assert!(
        refusal(&format!("[[{widest}]]"))
            .starts_with("There are more than 4194304 bytes or 16384 cells")
    );
}

#[test]
fn reading_ends_where_the_taker_has_enough() {
    let mut items = Vec::new();
    let read = read_json("[[1], [2], [3], oops", &mut |item, _| {
        items.push(item);
        match item {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert!(read.is_ok());
    assert_eq!(items, [1, 2]);
}

proptest! {
    #[test]
    fn strings_read_back_the_same(rows in vec(vec("\\PC{0,8}|[\"\\\\\r\n\t é]{0,6}", 0..5), 0..8)) {
        let json = serde_json::to_string(&rows).unwrap();
        let is_blank = |row: &Vec<String>| row.iter().all(|cell| cell.trim().is_empty());
        let expected: Vec<_> = rows.into_iter().filter(|row| !is_blank(row)).collect();
        let cells: Vec<_> = read(&json).unwrap().into_iter().map(|(_, cells)| cells).collect();
        prop_assert_eq!(cells, expected);
    }

    #[test]
    fn any_text_is_judged(rows in "[\\[\\]{}\",:0-9a-z\\\\ -]{0,60}|\\PC*") {
        let _ = read(&rows);
    }
}
