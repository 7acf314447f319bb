//! Replaces the markers of a template with values.

use carillon_core::personalisation::{self, Personalisation};
use carillon_core::template::{Segment, Template, shows};
use serde_json::Value;

/// How a channel writes a list.
pub(crate) type List = fn(&[&str]) -> String;

/// The template's text with its values.
///
/// A marker without a value stays as written: nothing is accepted with one, and in a preview its
/// author should see it.
pub(crate) fn fill(template: &Template, values: &Personalisation, list: List) -> String {
    let mut filled = String::new();
    for segment in template.segments() {
        match (segment, segment.name().and_then(|name| values.get(name))) {
            (Segment::Text(text), _) => filled.push_str(text),
            (Segment::Value { .. }, Some(value)) => push(&mut filled, value, list),
            (Segment::Conditional { text, .. }, Some(value)) => {
                if shows(value) {
                    filled.push_str(text);
                }
            }
            (marker, None) => filled.push_str(&marker.to_string()),
        }
    }
    filled
}

/// A list as bullets of Markdown, which begin on a line of their own.
pub(crate) fn bullets(items: &[&str]) -> String {
    items.iter().map(|item| format!("\n* {item}")).collect()
}

/// A list as it is read out: `a, b and c`.
pub(crate) fn sentence(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

fn push(filled: &mut String, value: &Value, list: List) {
    match value {
        Value::Array(items) => {
            let texts: Vec<_> = items
                .iter()
                .filter(|item| !item.is_null())
                .map(personalisation::text)
                .collect();
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            filled.push_str(&list(&texts));
        }
        single => filled.push_str(&personalisation::text(single)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn filled(template: &str, values: &Value) -> String {
        let values = Personalisation::stored(values.as_object().cloned().unwrap());
        fill(&Template::parse(template), &values, sentence)
    }

    #[test]
    fn every_kind_of_value_is_written() {
        insta::assert_snapshot!(
            filled(
                "((s)) ((i)) ((f)) ((b)) ((c)) ((l))",
                &json!({"s": "text", "i": -7, "f": 1.50, "b": true, "c": false, "l": ["a", 2, null, true]}),
            ),
            @"text -7 1.5 True False a, 2 and True"
        );
    }

    #[test]
    fn lists_are_read_out() {
        let written = |items: Value| filled("((l))", &json!({"l": items}));
        assert_eq!(written(json!([])), "");
        assert_eq!(written(json!(["a"])), "a");
        assert_eq!(written(json!(["a", "b"])), "a and b");
        assert_eq!(written(json!(["a", "b", "c"])), "a, b and c");
    }

    #[test]
    fn conditionals_show_their_text_on_yes() {
        let template = "x((late?? You are ((not)) late.))";
        assert_eq!(
            filled("x((late?? late.))", &json!({"late": "yes"})),
            "x late."
        );
        assert_eq!(filled("x((late?? late.))", &json!({"late": "no"})), "x");
        assert_eq!(
            filled(template, &json!({"not": "N"})),
            "x((late?? You are N late.))"
        );
    }

    #[test]
    fn a_marker_without_a_value_stays() {
        assert_eq!(
            filled("((a)) (( b ??c))", &json!({"a": null})),
            "((a)) (( b ??c))"
        );
    }

    proptest! {
        #[test]
        fn a_value_is_never_looked_into(value in "([()?a]|\\(\\(a\\)\\)|\\PC){0,30}") {
            let written = filled("<((a))>", &json!({"a": value}));
            prop_assert_eq!(written, format!("<{value}>"));
        }

        #[test]
        fn a_template_without_markers_is_written_as_it_is(text in "[^(]{0,60}") {
            prop_assert_eq!(filled(&text, &json!({})), text);
        }
    }
}
