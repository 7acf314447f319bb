//! Header values that cannot hold a line end.

use carillon_core::id::NotificationId;
use lettre::message::header::{HeaderName, HeaderValue};

use super::Unbuildable;

/// A line of mail holds 998 characters; this leaves room for the header's name.
const MAX_URL_LENGTH: usize = 900;

const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
const ID: HeaderName = HeaderName::new_from_ascii_str("X-Carillon-Id");
const LIST_UNSUBSCRIBE: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe");
const LIST_UNSUBSCRIBE_POST: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe-Post");

/// The text with every control character, line ends above all, as a space, and none at its ends.
pub(super) fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if is_line_end(c) { ' ' } else { c })
        .collect();
    line.trim().to_owned()
}

/// Control characters, and what some programs show as a line end.
fn is_line_end(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Asks the recipient's server not to answer that its user is on holiday.
pub(super) fn auto_submitted() -> HeaderValue {
    HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned())
}

/// The notification, for whoever looks at a mailbox or a mail server's log.
pub(super) fn id(id: NotificationId) -> HeaderValue {
    HeaderValue::new(ID, id.to_string())
}

/// Lets mail programs offer a button that takes the recipient off the list (RFC 8058).
pub(super) fn unsubscribe(url: &str) -> Result<[HeaderValue; 2], Unbuildable> {
    let url = escaped(url);
    if url.len() > MAX_URL_LENGTH {
        return Err(Unbuildable::UnsubscribeUrl);
    }
    let list = format!("<{url}>");
    Ok([
        // Folding or encoded words would break the URL. It is printable ASCII by now.
        HeaderValue::dangerous_new_pre_encoded(LIST_UNSUBSCRIBE, list.clone(), list),
        HeaderValue::new(
            LIST_UNSUBSCRIBE_POST,
            "List-Unsubscribe=One-Click".to_owned(),
        ),
    ])
}

/// The URL with everything percent-encoded that is not printable ASCII or could end it early.
fn escaped(url: &str) -> String {
    use std::fmt::Write;

    let mut escaped = String::with_capacity(url.len());
    for byte in url.trim().bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
