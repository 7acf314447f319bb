//! A send request, parsed: inside, types hold.

use carillon_core::channel::Channel;
use carillon_core::id::{SenderId, TemplateId};
use carillon_core::personalisation::Personalisation;
use carillon_core::recipient::EmailAddress;
use chrono::{DateTime, Duration, NaiveDateTime, Utc};

use super::schema::Fields;
use crate::error::NotifyError;

/// What a client asks for.
pub(super) struct SendRequest {
    /// The recipient as given. An e-mail address is well-formed; a phone number is read later,
    /// in the service's region.
    pub recipient: String,
    pub template_id: TemplateId,
    pub personalisation: Personalisation,
    pub reference: Option<String>,
    pub sender_id: Option<SenderId>,
    pub unsubscribe_url: Option<String>,
    pub sanitise_content_for: Vec<String>,
    pub scheduled_for: Option<DateTime<Utc>>,
}

/// The longest reference and unsubscribe URL.
const LONGEST_REFERENCE: usize = 1_000;
const LONGEST_URL: usize = 500;
/// How far ahead a message may be scheduled (contract).
const FURTHEST: Duration = Duration::hours(96);

impl SendRequest {
    /// Reads a body; every violation is reported.
    pub fn parse(channel: Channel, body: &[u8], now: DateTime<Utc>) -> Result<Self, NotifyError> {
        let value = serde_json::from_slice(body)
            .map_err(|_| NotifyError::bad_request("Invalid JSON supplied in POST data"))?;
        let mut fields = Fields::open(value).map_err(|text| NotifyError::validation(vec![text]))?;

        let recipient = match channel {
            Channel::Email => email_address(&mut fields),
            Channel::Sms => fields.required_string("phone_number"),
        };
        let template_id = fields.required_string("template_id");
        let template_id = fields.parse("template_id", template_id, "UUID");
        let personalisation =
            match super::personalisation(fields.optional_object("personalisation")) {
                Ok(personalisation) => Some(personalisation),
                Err(text) => {
                    fields.violation(text);
                    None
                }
            };
        let reference = reference(&mut fields);
        let sender_field = match channel {
            Channel::Email => "email_reply_to_id",
            Channel::Sms => "sms_sender_id",
        };
        let sender_id = fields.optional_string(sender_field);
        let sender_id = fields.parse(sender_field, sender_id, "UUID");
        let scheduled_for = scheduled_for(&mut fields, now);
        let (unsubscribe_url, sanitise_content_for) = match channel {
            Channel::Email => (
                unsubscribe_url(&mut fields),
                fields.optional_strings("sanitise_content_for"),
            ),
            Channel::Sms => (None, Vec::new()),
        };
        fields.close().map_err(NotifyError::validation)?;
        // A closed schema without violations has read all three.
        let (Some(recipient), Some(template_id), Some(personalisation)) =
            (recipient, template_id, personalisation)
        else {
            return Err(NotifyError::bad_request(
                "Invalid JSON supplied in POST data",
            ));
        };
        Ok(Self {
            recipient,
            template_id,
            personalisation,
            reference,
            sender_id,
            unsubscribe_url,
            sanitise_content_for,
            scheduled_for,
        })
    }
}

fn email_address(fields: &mut Fields) -> Option<String> {
    let text = fields.required_string("email_address")?;
    match EmailAddress::parse(&text) {
        Ok(address) => Some(address.as_str().to_owned()),
        Err(error) => {
            fields.violation(format!("email_address {error}"));
            None
        }
    }
}

/// A client's own name for a message.
pub(super) fn reference(fields: &mut Fields) -> Option<String> {
    let reference = fields.optional_string("reference")?;
    if reference.chars().count() > LONGEST_REFERENCE {
        fields.violation(format!("reference {reference} is too long"));
    } else if reference.contains('\0') {
        fields.violation("reference must not contain NUL characters".to_owned());
    }
    Some(reference)
}

fn unsubscribe_url(fields: &mut Fields) -> Option<String> {
    let name = "one_click_unsubscribe_url";
    let url = fields.optional_string(name)?;
    if url.len() > LONGEST_URL {
        fields.violation(format!("{name} {url} is too long"));
    } else if !is_https_url(&url) {
        fields.violation(format!("{name} is not a valid https url"));
    }
    Some(url)
}

/// The URL goes into a header: https, a dotted host, nothing that could break the line.
fn is_https_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.contains('.')
        && !host.starts_with('.')
        && url
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"'))
}

/// When to send, if later.
pub(super) fn scheduled_for(fields: &mut Fields, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = fields.optional_string("scheduled_for")?;
    // Without an offset the time is UTC, as upstream reads it; with one, it is honoured.
    let parsed = DateTime::parse_from_rfc3339(&text)
        .map(|at| at.with_timezone(&Utc))
        .or_else(|_| text.parse::<NaiveDateTime>().map(|at| at.and_utc()));
    match parsed {
        Err(_) => {
            fields.violation(
                "scheduled_for datetime format is invalid. It must be a valid ISO8601 date time \
                 format, https://en.wikipedia.org/wiki/ISO_8601"
                    .to_owned(),
            );
            None
        }
        Ok(at) if at < now => {
            fields.violation("scheduled_for datetime can not be in the past".to_owned());
            None
        }
        Ok(at) if at > now + FURTHEST => {
            fields.violation(
                "scheduled_for datetime can only be up to 96 hours in the future".to_owned(),
            );
            None
        }
        Ok(at) => Some(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_core::clock;
    use serde_json::json;

    fn parse(body: &str) -> Result<SendRequest, String> {
        SendRequest::parse(Channel::Email, body.as_bytes(), clock::now())
            .map_err(|error| format!("{error:?}"))
    }

    fn request(extra: (&str, serde_json::Value)) -> String {
        let mut body = json!({
            "email_address": "a@example.org",
            "template_id": uuid::Uuid::nil(),
        });
        body[extra.0] = extra.1;
        body.to_string()
    }

    #[test]
    fn a_good_request_is_read() {
        let request = parse(&request(("personalisation", json!({"name": "Ada"})))).unwrap();
        assert_eq!(request.recipient, "a@example.org");
        assert!(request.personalisation.get("Name").is_some());
    }

    #[test]
    fn a_schedule_is_honoured_with_its_offset_and_bounded() {
        let at = clock::now() + Duration::hours(3);
        let offset = chrono::FixedOffset::east_opt(3_600).unwrap();
        let text = at.with_timezone(&offset).to_rfc3339();
        let parsed = parse(&request(("scheduled_for", json!(text)))).unwrap();
        assert_eq!(parsed.scheduled_for.unwrap().timestamp(), at.timestamp());
        for (bad, words) in [
            (json!("2001-01-01T00:00:00"), "in the past"),
            (json!("2999-01-01T00:00:00Z"), "96 hours"),
            (json!("tomorrow"), "ISO8601"),
            (json!(7), "is not of type string"),
        ] {
            assert!(
                parse(&request(("scheduled_for", bad)))
                    .err()
                    .unwrap()
                    .contains(words)
            );
        }
    }

    #[test]
    fn an_unsubscribe_url_cannot_break_a_header() {
        for bad in [
            "http://a.org/",
            "https://local/",
            "https://a.org/\r\nX: y",
            "https://a.org/<",
        ] {
            let body = request(("one_click_unsubscribe_url", json!(bad)));
            assert!(
                parse(&body)
                    .err()
                    .unwrap()
                    .contains("is not a valid https url"),
                "{bad}"
            );
        }
        assert!(
            parse(&request((
                "one_click_unsubscribe_url",
                json!("https://a.org/u?id=1")
            )))
            .is_ok()
        );
    }

    #[test]
    fn broken_json_is_said_to_be_so() {
        for body in ["", "{", "nonsense", "{\"a\":1}}"] {
            assert!(
                parse(body)
                    .err()
                    .unwrap()
                    .contains("Invalid JSON supplied in POST data")
            );
        }
    }
}
