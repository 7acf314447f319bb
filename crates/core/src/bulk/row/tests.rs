use super::*;
use crate::channel::Channel;
use crate::personalisation::MAX_CHARACTERS;

/// Addresses have an `@`, those of example.com are not allowed, and `bad` is no content.
struct Check;

impl RowCheck for Check {
    fn recipient(&self, given: &str) -> Result<String, RecipientFault> {
        if given.ends_with("@example.com") {
            return Err(RecipientFault::NotAllowed("because".to_owned()));
        }
        if !given.contains('@') {
            return Err(RecipientFault::Invalid);
        }
        Ok(given.to_lowercase())
    }

    fn content(&self, values: &Personalisation) -> Result<(), String> {
        match values.get("name") {
            Some(name) if name == "bad" => Err("the message is empty.".to_owned()),
            _ => Ok(()),
        }
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn read(header: &[&str], placeholders: &[&str], cells: &[&str]) -> Result<JobRow, RowFault> {
    let (header, placeholders) = (strings(header), strings(placeholders));
    let columns = Columns::of(&header, Channel::Email, &placeholders).unwrap();
    super::read(&columns, &Check, 7, &strings(cells))
}

fn error(header: &[&str], placeholders: &[&str], cells: &[&str]) -> String {
    match read(header, placeholders, cells) {
        Err(RowFault::Bad(error)) => error.to_string(),
        Err(RowFault::NotAllowed(explanation)) => format!("not allowed: {explanation}"),
        Ok(row) => panic!("{row:?} is good"),
    }
}

fn good(header: &[&str], placeholders: &[&str], cells: &[&str]) -> JobRow {
    let read = read(header, placeholders, cells);
    read.unwrap_or_else(|_| panic!("the row is bad"))
}

const HEADER: [&str; 3] = ["email address", "name", "reference"];

#[test]
fn a_row_is_stored_under_short_names() {
    let row = good(
        &HEADER,
        &["Name"],
        &["Ada@Example.org ", " Ada L.", "order-1"],
    );
    let json = r#"{"n":7,"r":"Ada@Example.org","a":"ada@example.org","f":"order-1","v":{"Name":"Ada L."}}"#;
    assert_eq!(serde_json::to_string(&row).unwrap(), json);
    assert_eq!(serde_json::from_str::<JobRow>(json).unwrap(), row);
    assert_eq!(format!("{row:?}"), "JobRow(7)");
}

#[test]
fn what_a_row_has_not_takes_no_room() {
    let row = good(&["email address"], &[], &["a@b.org"]);
    let json = r#"{"n":7,"r":"a@b.org","a":"a@b.org"}"#;
    assert_eq!(serde_json::to_string(&row).unwrap(), json);
    assert_eq!(serde_json::from_str::<JobRow>(json).unwrap(), row);
}

#[test]
fn cells_without_a_header_are_ignored() {
    let row = good(&["email address"], &[], &["a@b.org", "surplus", "more"]);
    assert!(row.values.is_empty());
}

#[test]
fn every_cell_that_is_wrong_is_named() {
    let cells = ["nobody", " ", &"x".repeat(1_001)];
    assert_eq!(
        error(&HEADER, &["Name"], &cells),
        "`email address`: invalid recipient, \
         `reference`: must not have more than 1000 characters, \
         `Name`: Missing"
    );
}

#[test]
fn a_short_row_misses_what_it_has_not() {
    let header = ["name", "order", "email address"];
    assert_eq!(
        error(&header, &["name", "order"], &["Ada"]),
        "`email address`: Missing, `order`: Missing"
    );
}

#[test]
fn a_missing_recipient_that_is_also_a_value_is_named_once() {
    let header = ["email address", "name"];
    let cells = ["", "Ada"];
    assert_eq!(
        error(&header, &["email address"], &cells),
        "`email address`: Missing"
    );
}

#[test]
fn the_recipient_as_a_value_is_the_cell() {
    let row = good(&["email address"], &["email address"], &["Ada@example.org"]);
    assert_eq!(row.values["email address"], "Ada@example.org");
}

#[test]
fn a_reference_of_1000_characters_is_kept_and_a_blank_one_is_none() {
    let reference = "é".repeat(1_000);
    let row = good(&HEADER, &[], &["a@b.org", "", &reference]);
    assert_eq!(row.reference, Some(reference));
    let row = good(&HEADER, &[], &["a@b.org", "", "  "]);
    assert_eq!(row.reference, None);
}

#[test]
fn a_list_leaves_blank_members_out_and_is_missing_if_all_are() {
    let header = ["item", "email address", "item", "item"];
    let row = good(&header, &["item"], &["one", "a@b.org", "", "two"]);
    assert_eq!(row.values["item"], serde_json::json!(["one", "two"]));
    let row = good(&header, &["item"], &["", "a@b.org", "one"]);
    assert_eq!(row.values["item"], serde_json::json!(["one"]));
    assert_eq!(
        error(&header, &["item"], &["", "a@b.org", " "]),
        "`item`: Missing"
    );
}

#[test]
fn values_that_are_too_long_and_content_that_is_refused_are_errors_of_the_row() {
    let longest = "x".repeat(MAX_CHARACTERS);
    assert!(
        error(&HEADER, &["name"], &["a@b.org", &longest])
            .starts_with("personalisation is too long")
    );
    assert_eq!(
        error(&HEADER, &["name"], &["a@b.org", "bad"]),
        "the message is empty"
    );
}

#[test]
fn a_recipient_that_is_not_allowed_is_a_fault_of_the_file() {
    assert_eq!(
        error(&["email address"], &[], &["a@example.com"]),
        "not allowed: because"
    );
}
