//! Writes an e-mail as plain text.

use carillon_core::personalisation::Personalisation;
use carillon_core::template::Template;

use crate::fill::{bullets, fill, sentence};

/// An e-mail's text with its values, before any markup is rendered.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailText {
    /// A single line.
    pub subject: String,
    /// Markdown; line ends are as the author and the values wrote them.
    pub body: String,
}

impl std::fmt::Debug for EmailText {
    /// Says how long the text is; the text is personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "EmailText({} + {} bytes)",
            self.subject.len(),
            self.body.len()
        )
    }
}

/// Writes subject and body. Lists are bullets in the body, `a, b and c` in the subject.
#[must_use]
pub fn email(subject: &Template, body: &Template, values: &Personalisation) -> EmailText {
    EmailText {
        subject: self::subject(subject, values),
        body: fill(body, values, bullets),
    }
}

/// A subject with its values, as a single line.
pub(crate) fn subject(subject: &Template, values: &Personalisation) -> String {
    one_line(&fill(subject, values, sentence))
}

/// A subject is a header: a line end in a value would begin the next one.
fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let lines = text.split(breaks).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(subject: &str, body: &str, values: &Value) -> EmailText {
        let values = Personalisation::stored(values.as_object().cloned().unwrap());
        email(&Template::parse(subject), &Template::parse(body), &values)
    }

    #[test]
    fn lists_are_bullets_in_the_body_and_read_out_in_the_subject() {
        let values = json!({"items": ["a", "b", "c"]});
        let text = written("About ((items))", "You need:\n((items))\n\nBye", &values);
        assert_eq!(text.subject, "About a, b and c");
        insta::assert_snapshot!(text.body, @"
        You need:

        * a
        * b
        * c

        Bye
        ");
    }

    #[test]
    fn a_value_cannot_add_a_header_to_the_subject() {
        let text = written(
            "Hi ((name))",
            "",
            &json!({"name": "Ada\r\nBcc: eve@example.org\n"}),
        );
        assert_eq!(text.subject, "Hi Ada Bcc: eve@example.org");
    }

    #[test]
    fn line_ends_of_the_body_stay() {
        assert_eq!(
            written("", "a\r\n((b))", &json!({"b": "c\r\nd"})).body,
            "a\r\nc\r\nd"
        );
    }

    #[test]
    fn the_text_does_not_reach_the_log() {
        assert_eq!(
            format!("{:?}", written("abc", "de", &json!({}))),
            "EmailText(3 + 2 bytes)"
        );
    }

    proptest! {
        #[test]
        fn a_subject_is_one_line(value in any::<String>()) {
            let subject = written("Hi ((name))", "", &json!({"name": value})).subject;
            prop_assert!(!subject.contains(char::is_control));
        }
    }
}
