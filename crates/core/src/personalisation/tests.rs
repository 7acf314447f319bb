use proptest::prelude::*;
use serde_json::json;

use super::*;

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

fn given(value: Value) -> Personalisation {
    Personalisation::parse(map(value)).unwrap()
}

fn refusal(value: Value) -> String {
    Personalisation::parse(map(value)).unwrap_err().to_string()
}

#[test]
fn names_are_found_whatever_their_case_spaces_and_dashes() {
    let values = given(json!({"First Name": "Ada", "n-o_": 3}));
    for name in [
        "First Name",
        "firstname",
        "FIRST_NAME",
        "first-\tname",
        "first\u{a0}name",
    ] {
        assert_eq!(values.get(name), Some(&json!("Ada")), "{name}");
    }
    assert_eq!(values.get("NO"), Some(&json!(3)));
    assert_eq!(values.get("names"), None);
}

#[test]
fn null_is_no_value() {
    let values = given(json!({"name": null, "Name": "Ada", "other": null}));
    assert_eq!(values.get("name"), Some(&json!("Ada")));
    assert_eq!(values.get("other"), None);
}

#[test]
fn of_two_spellings_the_exact_one_wins_else_always_the_same() {
    let values = given(json!({"name": 1, "Name": 2}));
    assert_eq!(values.get("Name"), Some(&json!(2)));
    assert_eq!(values.get("NAME"), Some(&json!(1)));
}

#[test]
fn refusals_name_the_value() {
    insta::assert_snapshot!(
        refusal(json!({"report": {"file": "aGk="}})),
        @"personalisation.report files are not supported; it must be a string, number, boolean or list of these"
    );
    insta::assert_snapshot!(
        refusal(json!({"items": ["a", ["b"]]})),
        @"personalisation.items must be a list of strings, numbers and booleans"
    );
    insta::assert_snapshot!(
        refusal(json!({"a": "b\0"})),
        @"personalisation.a must not contain the character U+0000"
    );
    insta::assert_snapshot!(
        refusal(json!({"a\0": null})),
        @r"personalisation.a\0 must not contain the character U+0000"
    );
    insta::assert_snapshot!(
        refusal(json!({"list": ["fine", "not\0"]})),
        @"personalisation.list must not contain the character U+0000"
    );
    insta::assert_snapshot!(
        refusal(json!({"a": "é".repeat(51_192), "b": true, "c": ["xx"]})),
        @"personalisation is too long: its names and values have 51201 characters, at most 51200 are allowed"
    );
}

#[test]
fn the_limit_counts_characters_not_bytes() {
    given(json!({"a": "é".repeat(51_198), "b": null}));
}

#[test]
fn names_count_too_even_empty_ones() {
    let names = (0..51_201).map(|n| (format!("{n:>06}"), json!("")));
    assert!(Personalisation::parse(names.collect()).is_err());
    assert!(Personalisation::parse(map(json!({"n".repeat(51_201): ""}))).is_err());
}

#[test]
fn values_survive_storage() {
    let values = given(json!({"a": [1, 2.5, true, null, "x"], "B c": "d", "n": null}));
    let stored = serde_json::to_value(&values).unwrap();
    assert_eq!(stored, Value::Object(values.as_json().clone()));
    assert_eq!(
        serde_json::from_value::<Personalisation>(stored).unwrap(),
        values
    );
}

#[test]
fn the_report_holds_changed_values_only() {
    let values = given(
        json!({"name": "Ada", "Note": "*see* https://x.example/a b", "n": 1, "l": ["a", "b!"]}),
    );
    let names = ["name", "note", "n", "l", "absent"].map(str::to_owned);
    let (sanitised, report) = values.sanitised(&names);
    insta::assert_json_snapshot!(report, @r#"
    {
      "Note": {
        "sanitised": "\\*see\\*  b",
        "unsanitised": "*see* https://x.example/a b"
      },
      "l": {
        "sanitised": [
          "a",
          "b\\!"
        ],
        "unsanitised": [
          "a",
          "b!"
        ]
      }
    }
    "#);
    assert_eq!(sanitised.get("note"), Some(&json!("\\*see\\*  b")));
    assert_eq!(sanitised.get("name"), Some(&json!("Ada")));
}

#[test]
fn values_do_not_reach_the_log() {
    assert_eq!(
        format!("{:?}", given(json!({"name": "Ada"}))),
        "Personalisation(1 values)"
    );
}

proptest! {
    #[test]
    fn a_name_compares_equal_to_every_spelling_of_it(name in "[a-zé]{1,9}", gap in "[ _-]{0,3}") {
        let spelled: String = name.chars().map(|c| format!("{gap}{}", c.to_uppercase())).collect();
        prop_assert_eq!(comparable_name(&spelled), comparable_name(&name));
    }
}
