use std::io::{self, Cursor};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::job_file::{MAX_CELL_BYTES, MAX_CELLS, MAX_ROW_BYTES};

type Table = Vec<(u64, Vec<String>)>;

fn read_as(input: impl Read, charset: Option<&str>) -> Result<Table, FileError> {
    let mut rows = Vec::new();
    read_csv(input, charset, &mut |line, cells| {
        rows.push((line, cells));
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

fn read(bytes: impl AsRef<[u8]>) -> Table {
    read_as(bytes.as_ref(), None).unwrap()
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    read_as(bytes.as_ref(), None).unwrap_err().to_string()
}

fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
    (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
}

/// Gives a byte at a time.
struct Trickle<R>(R);

impl<R: Read> Read for Trickle<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n_bytes = bytes.len().min(1);
        self.0.read(&mut bytes[..n_bytes])
    }
}

#[test]
fn every_line_end_ends_a_row() {
    let rows = vec![row(1, &["a", "b"]), row(2, &["1", "2"]), row(3, &["3", ""])];
    for line_end in ["\n", "\r\n", "\r"] {
        let text = ["a,b", "1,2", "3,"].join(line_end);
        assert_eq!(read(&text), rows);
        assert_eq!(read(text + line_end), rows);
    }
}

#[test]
fn quoted_cells_may_hold_delimiters_line_ends_and_quotes() {
    let text = "a,b\r\n\"x, \"\"y\"\"\",\"1\r\n2\n3\"\r\nlast,\r\n";
    assert_eq!(
        read(text),
        [
            row(1, &["a", "b"]),
            row(2, &["x, \"y\"", "1\r\n2\n3"]),
            row(5, &["last", ""]),
        ]
    );
}

#[test]
fn spaces_before_a_quoted_cell_are_dropped_and_others_kept() {
    assert_eq!(
        read("a, b , \"c, d\",  \n"),
        [row(1, &["a", " b ", "c, d", "  "])]
    );
    assert_eq!(read("a,\" \" \"b\n"), [row(1, &["a", "  \"b"])]);
}

#[test]
fn a_quote_inside_of_a_plain_cell_is_text() {
    assert_eq!(read("a,5\" b\n"), [row(1, &["a", "5\" b"])]);
    assert_eq!(read("a,\"b\"c\"\n"), [row(1, &["a", "bc\""])]);
}

#[test]
fn blank_lines_and_rows_are_passed_over_and_counted_as_lines() {
    let text = "\n  \r\na,b\r\n\r\n,\r\n\" \",\t\r\n1,2";
    assert_eq!(read(text), [row(3, &["a", "b"]), row(7, &["1", "2"])]);
    assert_eq!(read(""), []);
    assert_eq!(read("\n\n"), []);
}

#[test]
fn rows_keep_their_own_lengths() {
    assert_eq!(
        read("a,b\n1\n1,2,3\n"),
        [
            row(1, &["a", "b"]),
            row(2, &["1"]),
            row(3, &["1", "2", "3"])
        ]
    );
}

#[test]
fn semicolons_and_tabs_delimit_where_the_header_has_them_and_no_comma() {
    assert_eq!(read("a;b\n1,5;2\n")[1], row(2, &["1,5", "2"]));
    assert_eq!(read("a\tb\n1,5\t2\n")[1], row(2, &["1,5", "2"]));
    assert_eq!(read("a,b;c\n1;2,3\n")[1], row(2, &["1;2", "3"]));
    assert_eq!(read("a\n1;2\n")[1], row(2, &["1;2"]));
}

#[test]
fn utf_8_and_utf_16_are_known_by_their_byte_order_marks() {
    let expected = [row(1, &["名前", "é"])];
    let text = "名前,é\r\n";
    let utf_16le = text.encode_utf16().flat_map(u16::to_le_bytes);
    let utf_16be = text.encode_utf16().flat_map(u16::to_be_bytes);
    let marked = |mark: &[u8], rest: Vec<u8>| [mark, &rest].concat();
    assert_eq!(read(text), expected);
    assert_eq!(read(marked(b"\xef\xbb\xbf", text.into())), expected);
    assert_eq!(
        read(marked(b"\xff\xfe", utf_16le.clone().collect())),
        expected
    );
    assert_eq!(read(marked(b"\xfe\xff", utf_16be.collect())), expected);
    let utf_16le: Vec<u8> = utf_16le.collect();
    assert_eq!(read_as(&utf_16le[..], Some("utf-16le")).unwrap(), expected);
}

#[test]
fn utf_16_of_which_nobody_knows_is_refused() {
    let bytes: Vec<u8> = "a,b\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        refusal(bytes),
        "There is a character U+0000 at line 1; if the file is UTF-16, name that charset in \
         Content-Type or save the file as UTF-8."
    );
}

#[test]
fn windows_1252_is_read_if_it_is_named_and_refused_with_its_line_if_not() {
    let bytes = b"name,city\nAda,London\n\nRen\xe9,Montr\xe9al\n";
    let rows = read_as(&bytes[..], Some("Windows-1252")).unwrap();
    assert_eq!(rows[2], row(4, &["René", "Montréal"]));
    assert_eq!(
        refusal(bytes),
        "Line 4 is not UTF-8; save the file as UTF-8, or name its charset in Content-Type, for \
         example text/csv; charset=windows-1252."
    );
    assert!(refusal(b"\r\nna\xefve\n").starts_with("Line 2 is not UTF-8"));
}

#[test]
fn a_charset_that_nobody_knows_is_named() {
    for label in ["latin-17", "hz-gb-2312", ""] {
        assert_eq!(
            read_as(&b"a"[..], Some(label)).unwrap_err().to_string(),
            format!("The charset {label:?} is not known; save the file as UTF-8.")
        );
    }
}

#[test]
fn a_file_that_ends_within_a_character_is_refused() {
    assert!(refusal(b"a\nb\nc\xc3").starts_with("Line 3 is not UTF-8"));
}

#[test]
fn nul_is_refused_with_its_line() {
    for text in ["a,b\n1,\"2\n\0\"\n", "a\nb\nc\0"] {
        assert!(refusal(text).starts_with("There is a character U+0000 at line 3;"));
    }
}

#[test]
fn an_unclosed_quote_is_refused_with_its_line() {
    for text in [
        "a,b\n\n\"1\",\"2\n3,4\n",
        "a,b\n\n1,\"",
        "a,b\n1,\"2\"\n1,\"2\"\"\n",
        "a\r\n\"b\r\n\",\"",
    ] {
        let expected = "Line 3 begins a quoted cell that never ends.";
        assert_eq!(refusal(text), expected, "{text:?}");
    }
    assert_eq!(
        refusal("\"a"),
        "Line 1 begins a quoted cell that never ends."
    );
}

#[test]
fn a_cell_may_have_a_mebibyte_and_no_more() {
    let largest = "x".repeat(MAX_CELL_BYTES);
    let rows = read(format!("a,b\n1,{largest}\n"));
    assert_eq!(rows[1].1[1].len(), MAX_CELL_BYTES);
    let expected =
        "There are more than 1048576 bytes in one cell at line 2; a quote may not be closed.";
    assert_eq!(refusal(format!("a,b\n1,{largest}x\n")), expected);
    assert_eq!(refusal(format!("a,b\n1,\"{largest}\n\"\n")), expected);
}

#[test]
fn an_endless_cell_or_row_is_refused_without_reading_on() {
    let endless = Cursor::new("a,b\n\"").chain(io::repeat(b'x'));
    let error = read_as(endless, None).unwrap_err();
    assert!(matches!(
        error,
        FileError::LongCell {
            place: Place::Line(2)
        }
    ));
    for byte in *b",\"" {
        let endless = Cursor::new("a,b\n").chain(io::repeat(byte));
        assert!(read_as(endless, None).is_err());
    }
}

#[test]
fn a_row_has_limits_too() {
    let expected = "There are more than 4194304 bytes or 16384 cells in the row at line 2.";
    let cells = vec!["x".repeat(MAX_CELL_BYTES); MAX_ROW_BYTES / MAX_CELL_BYTES];
    let largest = cells.join(",");
    assert_eq!(read(format!("a,b\n{largest}\n"))[1].1.len(), 4);
    assert_eq!(refusal(format!("a,b\n{largest},x\n")), expected);
    let widest = vec!["x"; MAX_CELLS].join(",");
    assert_eq!(read(format!("a,b\n{widest}\n"))[1].1.len(), MAX_CELLS);
    assert_eq!(refusal(format!("a,b\n{widest},\n")), expected);
}

#[test]
fn reading_ends_where_the_taker_has_enough() {
    let mut lines = Vec::new();
    let endless = Cursor::new("a\nb\n").chain(Cursor::new("c\n").chain(io::repeat(b'"')));
    let read = read_csv(endless, None, &mut |line, _| {
        lines.push(line);
        match line {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert!(read.is_ok());
    assert_eq!(lines, [1, 2]);
}

#[test]
fn the_input_s_own_error_is_passed_on() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broke off"))
        }
    }
    let error = read_as(Cursor::new("a,b\n1").chain(Fails), None).unwrap_err();
    let FileError::Input(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.to_string(), "broke off");
}

#[test]
fn no_error_quotes_a_cell() {
    let secret = "ada@example.org";
    for bytes in [
        format!("{secret},\"{secret}").into_bytes(),
        format!("{secret},{secret}\0").into_bytes(),
        [secret.as_bytes(), b"\xff"].concat(),
        format!("{secret}{}", "x".repeat(MAX_CELL_BYTES)).into_bytes(),
    ] {
        let error = read_as(&bytes[..], None).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}

/// What the csv crate reads, less blank rows.
fn read_by_csv_crate(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        record.iter().map(str::to_owned).collect::<Vec<_>>()
    });
    rows.filter(|row| row.iter().any(|cell| !cell.trim().is_empty()))
        .collect()
}

proptest! {
    #[test]
    fn a_table_that_the_csv_crate_wrote_reads_back_the_same(
        rows in vec(vec("\\PC{0,8}|[\",;\t\r\n é a]{0,6}", 2..5), 0..8),
    ) {
        let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        // A header, so that the delimiter is the comma.
        writer.write_record(["a", "b"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let is_blank = |row: &Vec<String>| row.iter().all(|cell| cell.trim().is_empty());
        let expected: Vec<_> = rows.into_iter().filter(|row| !is_blank(row)).collect();
        let read: Vec<_> = read(bytes).into_iter().skip(1).map(|(_, cells)| cells).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_text_reads_as_the_csv_crate_reads_it(text in "[\",\r\n a1é]{0,40}") {
        // Where the two differ by intention.
        prop_assume!(!text.contains(" \""));
        let text = format!("a,b\n{text}");
        match read_as(text.as_bytes(), None) {
            Ok(rows) => {
                let cells: Vec<_> = rows.into_iter().map(|(_, cells)| cells).collect();
                prop_assert_eq!(cells, read_by_csv_crate(&text));
            }
            Err(error) => {
                let is_unclosed = matches!(error, FileError::UnclosedQuote { .. });
                prop_assert!(is_unclosed, "{error}");
                // A closing quote is then what was wanting.
                let closed = text + "\"";
                prop_assert!(read_as(closed.as_bytes(), None).is_ok());
            }
        }
    }

    #[test]
    fn pieces_of_a_file_read_as_the_whole(text in "[\",;\t\r\n a1é\0]{0,40}", tail in vec(any::<u8>(), 0..3)) {
        let bytes = [text.as_bytes(), &tail].concat();
        let whole = read_as(&bytes[..], None).map_err(|error| error.to_string());
        let pieces = read_as(Trickle(&bytes[..]), None).map_err(|error| error.to_string());
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn any_bytes_are_judged(
        bytes in vec(any::<u8>(), 0..200),
        charset in proptest::option::of("utf-16le|windows-1252|shift_jis|gb18030|.{0,8}"),
    ) {
        let _ = read_as(&bytes[..], charset.as_deref());
    }
}
