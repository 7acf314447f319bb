//! Writes a text message.

use carillon_core::personalisation::Personalisation;
use carillon_core::sms::SmsText;
use carillon_core::template::Template;

use crate::fill::{fill, sentence};

/// Writes a message, ready to be counted and sent, after `Prefix: ` for services that want to be
/// named. Lists are read out.
#[must_use]
pub fn sms(body: &Template, values: &Personalisation, prefix: Option<&str>) -> String {
    let text = fill(body, values, sentence);
    match prefix {
        Some(service) => SmsText::normalise(&format!("{service}: {text}")),
        None => SmsText::normalise(&text),
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::sms::{Encoding, parts};
    use serde_json::{Value, json};

    use super::*;

    fn written(body: &str, values: &Value, prefix: Option<&str>) -> String {
        let values = Personalisation::stored(values.as_object().cloned().unwrap());
        sms(&Template::parse(body), &values, prefix)
    }

    #[test]
    fn the_service_is_named_first_if_it_wants_to_be() {
        assert_eq!(
            written("Hi ((name))", &json!({"name": "Ada"}), None),
            "Hi Ada"
        );
        assert_eq!(
            written("Hi ((name))", &json!({"name": "Ada"}), Some("Post")),
            "Post: Hi Ada"
        );
    }

    #[test]
    fn values_are_made_cheap_to_send_too() {
        let text = written(
            "((a))\r\n((b))",
            &json!({"a": "“x” – y…", "b": ["1", 2, 3]}),
            None,
        );
        assert_eq!(text, "\"x\" - y...\n1, 2 and 3");
        assert_eq!(parts(&text).encoding, Encoding::Gsm7);
    }
}
