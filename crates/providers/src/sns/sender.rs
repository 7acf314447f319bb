//! Whom a text message is from, as SNS takes it.

/// The most characters of a sender id.
const ID_LENGTH: usize = 11;

/// A sender that SNS can be given.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A name; countries differ in whether they show it.
    Id(String),
    /// A number that the account owns: E.164, or a short code.
    Number(String),
}

impl Sender {
    /// Reads a service's sender.
    ///
    /// Spaces and hyphens are dropped, as SNS takes none: `City Clinic` becomes `CityClinic`, and
    /// `+44 7700 900123` a number. None is returned for what still does not fit: too long, without
    /// a letter or digit, or with others than those of ASCII. The account's default sender is then
    /// used. A name is never cut, which could make it another's.
    pub fn read(given: &str) -> Option<Self> {
        let bare: String = given
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '(' | ')'))
            .collect();
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match (is_number, digits.len()) {
            (true, 3..=8) if digits.len() == bare.len() => Some(Self::Number(bare)),
            // No country's code begins with a zero.
            (true, 7..=15) if !digits.starts_with('0') => Some(Self::Number(format!("+{digits}"))),
            (true, _) => None,
            (false, 1..=ID_LENGTH) if bare.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Some(Self::Id(bare))
            }
            (false, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_a_name_a_number_or_left_to_the_account() {
        let id = |id: &str| Some(Sender::Id(id.into()));
        let number = |number: &str| Some(Sender::Number(number.into()));
        for (given, expected) in [
            ("Clinic", id("Clinic")),
            ("City Clinic", id("CityClinic")),
            ("GOV-UK", id("GOVUK")),
            ("4Health", id("4Health")),
            ("ElevenChars", id("ElevenChars")),
            ("TwelveLetter", None),
            ("Clínica", None),
            ("Clinic!", None),
            ("+447700900123", number("+447700900123")),
            ("+44 (7700) 900-123", number("+447700900123")),
            ("447700900123", number("+447700900123")),
            ("60006", number("60006")),
            ("+2902345", number("+2902345")),
            ("07700900123", None),
            ("+07700900123", None),
            ("+60", None),
            ("1234567890123456", None),
            ("+Clinic", None),
            ("", None),
            (" - ", None),
            ("+", None),
        ] {
            assert_eq!(Sender::read(given), expected, "{given:?}");
        }
    }
}
