use proptest::prelude::*;
use serde_json::json;

use super::*;

fn text(text: &str) -> Segment {
    Segment::Text(text.to_owned())
}

fn value(name: &str) -> Segment {
    Segment::Value {
        name: name.to_owned(),
    }
}

fn conditional(name: &str, text: &str) -> Segment {
    Segment::Conditional {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

fn segments(text: &str) -> Vec<Segment> {
    Template::parse(text).segments
}

#[test]
fn markers_are_told_from_text() {
    assert_eq!(segments(""), []);
    assert_eq!(segments("plain"), [text("plain")]);
    assert_eq!(
        segments("Dear ((name)),\n((late??You are late. ))bye"),
        [
            text("Dear "),
            value("name"),
            text(",\n"),
            conditional("late", "You are late. "),
            text("bye"),
        ]
    );
    assert_eq!(segments("((a))((b))"), [value("a"), value("b")]);
    assert_eq!(segments("((a??b??c))"), [conditional("a", "b??c")]);
    assert_eq!(segments("((a??))"), [conditional("a", "")]);
    assert_eq!(segments("((a?))"), [value("a?")]);
    assert_eq!(segments("((é日))"), [value("é日")]);
}

#[test]
fn odd_parentheses_are_text() {
    assert_eq!(
        segments("(((name)))"),
        [text("("), value("name"), text(")")]
    );
    assert_eq!(segments("((((a))))"), [text("(("), value("a"), text("))")]);
    assert_eq!(segments("((a ((b))"), [text("((a "), value("b")]);
    assert_eq!(segments("((é((b))"), [text("((é"), value("b")]);
    assert_eq!(segments("((a) ((b))"), [text("((a) "), value("b")]);
    assert_eq!(
        segments("((yes??hello ((name))))"),
        [text("((yes??hello "), value("name"), text("))")]
    );
    for odd in [
        "(name)",
        "((name)",
        "(name))",
        "(())",
        "(( ))",
        "((-_ ))",
        "((??text))",
        "((",
        "))((",
    ] {
        assert_eq!(segments(odd), [text(odd)], "{odd}");
    }
}

#[test]
fn placeholders_are_listed_once_in_the_spelling_of_their_first_use() {
    let template = Template::parse("(( First Name )) ((code??x)) ((first_name)) ((CODE)) ((z))");
    assert_eq!(template.placeholders(), ["First Name", "code", "z"]);
}

#[test]
fn a_null_or_absent_value_is_missing_and_a_surplus_one_ignored() {
    let template = Template::parse("((b)) ((a??x)) ((Sur Name))");
    let given = json!({"sur_name": "L", "b": null, "surplus": 1});
    let values = Personalisation::stored(given.as_object().cloned().unwrap());
    assert_eq!(template.missing(&values), ["b", "a"]);
}

#[test]
fn only_a_yes_shows_a_conditional() {
    for yes in [
        json!("Yes"),
        json!(" OUI "),
        json!("afficher"),
        json!(true),
        json!(1),
        json!("T"),
    ] {
        assert!(shows(&yes), "{yes}");
    }
    for no in [
        json!("no"),
        json!(""),
        json!(false),
        json!(0),
        json!(2),
        json!(["yes"]),
        json!("yes!"),
    ] {
        assert!(!shows(&no), "{no}");
    }
}

proptest! {
    #[test]
    fn writing_a_template_out_gives_its_text_back(text in "([()?a ]|\\(\\(|\\)\\)|\\PC){0,60}") {
        let template = Template::parse(&text);
        prop_assert_eq!(template.to_string(), text);
    }

    #[test]
    fn markers_are_found_between_any_text(before in "[^()]{0,9}", name in "[a-z]{1,9}", after in "[^(]{0,9}") {
        let template = Template::parse(&format!("{before}(({name})){after}"));
        prop_assert_eq!(template.placeholders(), [name]);
    }

    #[test]
    fn text_never_neighbours_text_and_is_never_empty(text in "([()?a ]|\\(\\(|\\)\\)){0,60}") {
        let segments = segments(&text);
        let is_text = |segment: &Segment| matches!(segment, Segment::Text(_));
        prop_assert!(!segments.windows(2).any(|pair| pair.iter().all(is_text)));
        prop_assert!(!segments.iter().any(|segment| segment.to_string().is_empty()));
    }
}
