//! Lists of recipients as people bring them: one on each line, as a spreadsheet saves a column.

use super::comparable;
use crate::channel::Channel;
use crate::recipient::{EmailAddress, PhoneNumber};

/// The most recipients of one request.
pub const MOST_RECIPIENTS: usize = 10_000;

/// Titles that a column may begin with; the line is then no recipient.
const TITLES: [&str; 8] = [
    "email",
    "e-mail",
    "email address",
    "email_address",
    "phone",
    "phone number",
    "phone_number",
    "recipient",
];

/// A line that is no recipient of the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Which line, as its reader counts them.
    pub number: usize,
    /// What is wrong; the line itself is not quoted.
    pub message: String,
}

/// Lines that are no recipients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadLines {
    /// The first of them.
    pub named: Vec<BadLine>,
    /// How many there are besides.
    pub n_more: usize,
}

/// The channel that a recipient is of: what has an `@` is an e-mail address.
#[must_use]
pub fn channel_of(recipient: &str) -> Channel {
    if recipient.contains('@') {
        Channel::Email
    } else {
        Channel::Sms
    }
}

/// Reads one recipient into the form in which recipients are compared. National phone numbers are
/// read in the region.
///
/// # Errors
/// Says what is wrong, without quoting it.
pub fn read(channel: Channel, region: &str, text: &str) -> Result<String, String> {
    let normalised = match channel {
        Channel::Email => EmailAddress::parse(text)
            .map(|address| address.as_str().to_owned())
            .map_err(|error| error.to_string()),
        Channel::Sms => PhoneNumber::parse(text, region)
            .map(|number| number.as_e164().to_owned())
            .map_err(|error| error.to_string()),
    }?;
    Ok(comparable(channel, &normalised))
}

/// The lines of a text of one recipient a line, numbered from 1 and without double quotes. Empty
/// lines are passed over, and so is a first line that is the title of the column.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(bare);
    (1..)
        .zip(lines)
        .filter(|(number, line)| !(line.is_empty() || (*number == 1 && is_title(line))))
}

/// Reads numbered recipients, all of them or none.
///
/// # Errors
/// The first `most_named` that are no recipients, and how many more there are.
pub fn read_all<'a>(
    channel: Channel,
    region: &str,
    texts: impl IntoIterator<Item = (usize, &'a str)>,
    most_named: usize,
) -> Result<Vec<String>, BadLines> {
    let mut recipients = Vec::new();
    let mut bad = BadLines::default();
    for (number, text) in texts {
        match read(channel, region, text) {
            Ok(recipient) => recipients.push(recipient),
            Err(message) if bad.named.len() < most_named => {
                bad.named.push(BadLine { number, message });
            }
            Err(_) => bad.n_more += 1,
        }
    }
    if bad.named.is_empty() && bad.n_more == 0 {
        Ok(recipients)
    } else {
        Err(bad)
    }
}

/// Reads a text of one recipient a line; see [`lines`].
///
/// # Errors
/// Every line that is no recipient, with its number.
pub fn read_lines(channel: Channel, region: &str, text: &str) -> Result<Vec<String>, Vec<BadLine>> {
    read_all(channel, region, lines(text), usize::MAX).map_err(|bad| bad.named)
}

fn bare(line: &str) -> &str {
    let line = line.trim();
    line.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .map_or(line, str::trim)
}

fn is_title(line: &str) -> bool {
    TITLES.iter().any(|title| line.eq_ignore_ascii_case(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_a_spreadsheet_is_read() {
        let text = "\u{feff}Email address\r\n\"Ada@Example.org\"\r\n\r\n grace@example.org \n";
        assert_eq!(
            read_lines(Channel::Email, "GB", text),
            Ok(vec![
                "ada@example.org".to_owned(),
                "grace@example.org".to_owned()
            ])
        );
    }

    #[test]
    fn national_numbers_are_read_in_the_region() {
        assert_eq!(
            read_lines(Channel::Sms, "GB", "07700 900123\n+447700900124"),
            Ok(vec!["+447700900123".to_owned(), "+447700900124".to_owned()])
        );
    }

    #[test]
    fn every_bad_line_is_numbered_and_none_is_quoted() {
        let text = "ada@example.org\nnobody\n\nrecipient\n";
        let bad = read_lines(Channel::Email, "GB", text).unwrap_err();
        let message = "Not a valid email address".to_owned();
        assert_eq!(
            bad,
            [2, 4].map(|number| BadLine {
                number,
                message: message.clone()
            })
        );
    }

    #[test]
    fn no_more_bad_lines_are_named_than_are_asked_for_and_the_rest_is_counted() {
        let text = "ada@example.org\n".to_owned() + &"x\n".repeat(1_000);
        let bad = read_all(Channel::Email, "GB", lines(&text), 3).unwrap_err();
        let numbers: Vec<usize> = bad.named.iter().map(|line| line.number).collect();
        assert_eq!((numbers, bad.n_more), (vec![2, 3, 4], 997));
        let none_named = read_all(Channel::Email, "GB", lines("x"), 0).unwrap_err();
        assert_eq!((none_named.named, none_named.n_more), (vec![], 1));
    }

    #[test]
    fn a_list_with_nothing_on_it_is_empty() {
        assert_eq!(read_lines(Channel::Email, "GB", "recipient\n"), Ok(vec![]));
    }
}
