use super::*;

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn of(header: &[&str], placeholders: &[&str]) -> Result<Columns, ColumnsError> {
    Columns::of(&strings(header), Channel::Email, &strings(placeholders))
}

fn refusal(header: &[&str], placeholders: &[&str]) -> String {
    of(header, placeholders).unwrap_err().to_string()
}

fn values(columns: &Columns) -> Vec<(&str, &[usize])> {
    columns
        .values
        .iter()
        .map(|column| (column.name.as_str(), column.cells.as_slice()))
        .collect()
}

#[test]
fn names_match_whatever_their_case_spaces_dashes_and_underscores() {
    let columns = of(&["First_Name", "  EMAIL-address"], &["first name"]).unwrap();
    assert_eq!(columns.recipient.cells, [1]);
    assert_eq!(values(&columns), [("first name", &[0][..])]);
}

#[test]
fn the_recipient_is_named_in_english_or_french_by_channel() {
    for (channel, names) in [
        (Channel::Email, ["email address", "adresse courriel"]),
        (Channel::Sms, ["phone number", "Numéro de téléphone"]),
    ] {
        for name in names {
            let columns = Columns::of(&strings(&["x", name]), channel, &[]).unwrap();
            assert_eq!(columns.recipient.cells, [1]);
        }
    }
    let header = strings(&["email address"]);
    assert_eq!(
        Columns::of(&header, Channel::Sms, &[])
            .unwrap_err()
            .to_string(),
        "Missing column headers: phone number."
    );
}

#[test]
fn every_missing_column_is_named_and_nothing_of_the_file() {
    assert_eq!(
        refusal(&["ada@example.org", "Ada"], &["name", "Order No"]),
        "Missing column headers: email address, name, Order No."
    );
    assert_eq!(
        refusal(&["email address", ""], &["name"]),
        "Missing column headers: name."
    );
}

#[test]
fn a_recipient_or_reference_that_is_there_twice_is_refused() {
    for header in [
        ["email address", "Email_Address"],
        ["adresse courriel", "email address"],
    ] {
        let text = refusal(&header, &[]);
        assert!(
            text.starts_with("Duplicate column headers: email address, "),
            "{text}"
        );
    }
    assert_eq!(
        refusal(&["reference", "email address", "Reference"], &[]),
        "Duplicate column headers: reference, reference."
    );
}

#[test]
fn repeated_columns_are_a_list_and_surplus_ones_are_ignored() {
    let header = ["item", "", "email address", "other", "Item", "other", ""];
    let columns = of(&header, &["item"]).unwrap();
    assert_eq!(values(&columns), [("item", &[0, 4][..])]);
    assert_eq!(columns.reference, None);
}

#[test]
fn reference_is_the_row_s_own_and_a_value_if_the_template_says_so() {
    let header = ["reference", "email address"];
    let columns = of(&header, &[]).unwrap();
    assert_eq!((columns.reference, values(&columns)), (Some(0), vec![]));
    let columns = of(&header, &["Reference"]).unwrap();
    assert_eq!(columns.reference, Some(0));
    assert_eq!(values(&columns), [("Reference", &[0][..])]);
}

#[test]
fn the_recipient_may_be_a_value_under_either_of_its_names() {
    let columns = of(&["email address"], &["Email Address", "adresse courriel"]).unwrap();
    assert_eq!(
        values(&columns),
        [("Email Address", &[0][..]), ("adresse courriel", &[0][..])]
    );
}

#[test]
fn a_placeholder_in_two_spellings_is_one_value() {
    let columns = of(&["name", "email address"], &["name", "Na-me"]).unwrap();
    assert_eq!(values(&columns), [("name", &[0][..])]);
}

#[test]
fn a_cell_is_read_without_white_space_and_empty_where_the_row_ends() {
    let columns = of(&["email address", "name"], &["name"]).unwrap();
    let cells = strings(&[" a\u{a0}"]);
    assert_eq!(columns.cell(&cells, 0), "a");
    assert_eq!(columns.cell(&cells, 1), "");
}

#[test]
fn shields_are_taken_off_in_files_of_bad_rows_only() {
    let cells = strings(&["'=1"]);
    let shown = |header: &[&str], placeholders: &[&str]| {
        let columns = of(header, placeholders).unwrap();
        columns.cell(&cells, 0).to_owned()
    };
    assert_eq!(shown(&["email address", "error"], &[]), "=1");
    assert_eq!(shown(&["email address"], &[]), "'=1");
    assert_eq!(shown(&["email address", "error", "x"], &[]), "'=1");
    assert_eq!(shown(&["email address", "error"], &["error"]), "'=1");
}
