use std::ops::ControlFlow;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::bulk::{BadRow, CellError, ColumnsError, RecipientFault, RowError};
use crate::job_file;
use crate::personalisation::Personalisation;

/// Recipients have no spaces, and those of "far" are not allowed.
struct Check;

impl RowCheck for Check {
    fn recipient(&self, given: &str) -> Result<String, RecipientFault> {
        match given {
            "far" => Err(RecipientFault::NotAllowed(
                "because they are far.".to_owned(),
            )),
            _ if given.contains(' ') => Err(RecipientFault::Invalid),
            _ => Ok(given.to_owned()),
        }
    }

    fn content(&self, values: &Personalisation) -> Result<(), String> {
        match values.get("name") {
            Some(name) if name == "bad" => Err("the message is too long".to_owned()),
            _ => Ok(()),
        }
    }
}

fn reader(on_invalid: OnInvalidRows) -> FileReader<Check> {
    FileReader::new(Channel::Sms, vec!["name".to_owned()], Check, on_invalid)
}

/// The rows that are to be sent, and what the mailing came to.
fn read(csv: &str, on_invalid: OnInvalidRows) -> Result<(Vec<JobRow>, Read), FileRefused> {
    let (mut reader, mut rows, mut refused) = (reader(on_invalid), Vec::new(), None);
    job_file::read_csv(
        csv.as_bytes(),
        None,
        &mut |_, cells| match reader.push(cells) {
            Ok(row) => {
                rows.extend(row);
                ControlFlow::Continue(())
            }
            Err(error) => {
                refused = Some(error);
                ControlFlow::Break(())
            }
        },
    )
    .unwrap();
    refused.map_or_else(|| Ok((rows, reader.finish()?)), Err)
}

fn refusal(csv: &str, on_invalid: OnInvalidRows) -> String {
    read(csv, on_invalid).unwrap_err().to_string()
}

use OnInvalidRows::{Refuse, Skip};

#[test]
fn good_rows_are_numbered_from_one_without_header_and_blank_lines() {
    let (rows, read) = read("name,phone number\n\nAda,1\n,\nGrace,2\n", Refuse).unwrap();
    let numbers: Vec<_> = rows
        .iter()
        .map(|row| (row.number, &row.normalised[..]))
        .collect();
    assert_eq!(numbers, [(1, "1"), (2, "2")]);
    assert_eq!((read.n_rows, read.n_bad, read.bad_rows), (2, 0, None));
}

#[test]
fn bad_rows_refuse_the_mailing_in_notifys_words() {
    let csv = "name,phone number\n,1\nAda,2\nbad,3\nGrace,4 \"\n,5 5\n";
    assert_eq!(
        refusal(csv, Refuse),
        "Some rows have errors. Row 1 - `name`: Missing. Row 3: the message is too long. \
         Row 4 - `phone number`: invalid recipient. \
         Row 5 - `phone number`: invalid recipient, `name`: Missing."
    );
}

#[test]
fn after_a_bad_row_no_row_is_given_as_nothing_will_be_sent() {
    let mut reader = reader(Refuse);
    let mut push = |cells: [&str; 2]| reader.push(cells.map(str::to_owned).to_vec()).unwrap();
    assert_eq!(push(["name", "phone number"]), None);
    assert!(push(["Ada", "1"]).is_some());
    assert_eq!(push(["", "1"]), None);
    assert_eq!(push(["Ada", "1"]), None);
}

#[test]
fn the_first_20_bad_rows_are_named_and_the_21st_ends_reading() {
    let csv = |n_bad| format!("name,phone number\n{}", ",1\n".repeat(n_bad));
    let shown = |n_rows| -> Vec<BadRow> {
        let error = CellError::Missing {
            column: "name".to_owned(),
        };
        let error = RowError::Cells(vec![error]);
        (1..=n_rows)
            .map(|number| BadRow {
                number,
                error: error.clone(),
            })
            .collect()
    };
    let all = FileRefused::Rows {
        shown: shown(20),
        unlisted: Unlisted::None,
    };
    assert_eq!(read(&csv(20), Refuse), Err(all));
    let first = FileRefused::Rows {
        shown: shown(20),
        unlisted: Unlisted::AtLeastOne,
    };
    assert_eq!(read(&csv(100_001), Refuse), Err(first));
    assert!(refusal(&csv(21), Refuse).ends_with(
        " Row 19 - `name`: Missing. Row 20 - `name`: Missing. Only the first 20 are listed."
    ));
}

#[test]
fn skipping_sends_the_good_rows_and_keeps_the_bad_ones() {
    let csv = "phone number,name,other\n1,Ada,x\n2 2,Grace,\"=1,\"\n3,,y,surplus\n4\n5,Joan,z\n";
    let (rows, read) = read(csv, Skip).unwrap();
    let numbers: Vec<_> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, [1, 5]);
    assert_eq!((read.n_rows, read.n_bad), (2, 3));
    assert_eq!(
        String::from_utf8(read.bad_rows.unwrap()).unwrap(),
        "phone number,name,other,error\n\
         2 2,Grace,\"'=1,\",`phone number`: invalid recipient\n\
         3,,y,`name`: Missing\n\
         4,,,`name`: Missing\n"
    );
}

#[test]
fn skipping_refuses_a_mailing_without_a_good_row_and_counts_the_bad_ones() {
    let csv = format!("name,phone number\n{}", ",1\n".repeat(25));
    assert!(refusal(&csv, Skip).ends_with("Row 20 - `name`: Missing. And 5 more."));
    assert_eq!(
        refusal("name,phone number\n,1\n", Skip),
        "Some rows have errors. Row 1 - `name`: Missing."
    );
}

#[test]
fn a_recipient_that_is_not_allowed_refuses_the_mailing_in_either_way() {
    for on_invalid in [Refuse, Skip] {
        assert_eq!(
            refusal("name,phone number\n,1\nAda,far\n", on_invalid),
            "You cannot send to these recipients because they are far."
        );
    }
}

#[test]
fn a_mailing_needs_a_header_and_a_row() {
    for on_invalid in [Refuse, Skip] {
        assert_eq!(refusal("", on_invalid), "The file is empty.");
        assert_eq!(
            refusal("name,phone number\n\n,\n", on_invalid),
            "The file has no rows below its header."
        );
        let missing = ColumnsError::Missing {
            names: vec!["phone number".to_owned()],
        };
        assert_eq!(read("name\nAda\n", on_invalid), Err(missing.into()));
    }
}

#[test]
fn a_mailing_may_have_100_000_rows_and_no_more() {
    let csv = |n_rows| format!("name,phone number\n{}", "Ada,1\n".repeat(n_rows));
    assert_eq!(read(&csv(MAX_ROWS), Refuse).unwrap().1.n_rows, MAX_ROWS);
    assert_eq!(
        refusal(&csv(MAX_ROWS + 1), Refuse),
        "Too many rows. Maximum number of rows allowed is 100000."
    );
}

#[test]
fn what_to_do_with_bad_rows_is_read_from_its_name() {
    assert_eq!(OnInvalidRows::default(), "fail".parse().unwrap());
    assert_eq!("skip".parse(), Ok(Skip));
    assert_eq!(
        "Skip".parse::<OnInvalidRows>().unwrap_err().to_string(),
        "\"Skip\" is not a OnInvalidRows; allowed: fail, skip"
    );
}

proptest! {
    #[test]
    fn the_file_of_bad_rows_starts_no_formula_and_is_read_once_corrected(
        cells in vec("['=+@\t\r\n\", a-]{0,3}\\PC{0,5}", 3..6),
    ) {
        // The row is bad for want of a name.
        let header = ["phone number", "name", "other"];
        let mut reader = reader(Skip);
        reader.push(header.map(str::to_owned).to_vec()).unwrap();
        reader.push(["1", "Ada"].map(str::to_owned).to_vec()).unwrap();
        let mut bad = cells.clone();
        bad[1].clear();
        reader.push(bad.clone()).ok();
        let file = reader.finish().unwrap().bad_rows.unwrap();

        let mut rows = Vec::new();
        job_file::read_csv(&file[..], None, &mut |_, cells| {
            rows.push(cells);
            ControlFlow::Continue(())
        })
        .unwrap();
        let [header, row] = &rows[..] else { panic!("{rows:?}") };
        for cell in row {
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
        }
        let columns = Columns::of(header, Channel::Sms, &["name".to_owned()]).unwrap();
        for index in [0, 2] {
            prop_assert_eq!(columns.cell(row, index), bad[index].trim());
        }
    }

    #[test]
    fn any_rows_are_judged(
        rows in vec(vec("\\PC{0,6}|name|phone number|reference|far", 0..4), 0..6),
        on_invalid in prop_oneof![Just(Refuse), Just(Skip)],
    ) {
        let mut reader = reader(on_invalid);
        let judged: Result<Vec<_>, _> = rows.into_iter().map(|row| reader.push(row)).collect();
        if let Ok(given) = judged {
            let n_given = given.into_iter().flatten().count();
            if let Ok(read) = reader.finish() {
                prop_assert_eq!(read.n_rows, n_given);
            }
        }
    }
}
