//! Enhanced status codes (RFC 3463): all that is kept of a mail server's words, which may quote
//! addresses.

/// The first code such as `5.1.1` that stands by itself in a text.
pub(super) fn status_code(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words.find(|word| is_code(word)).map(str::to_owned)
}

fn is_code(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let [class, subject, detail] = parts[..] else {
        return false;
    };
    let short = |part: &str| (1..=3).contains(&part.len());
    matches!(class, "2" | "4" | "5") && short(subject) && short(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_code_is_kept() {
        for (text, expected) in [
            ("5.1.1", Some("5.1.1")),
            ("250 2.6.0 Message received", Some("2.6.0")),
            (
                "smtp; 550-5.7.26 no such user a@example.org",
                Some("5.7.26"),
            ),
            ("250 ok", None),
            ("host 10.0.0.1 said 5.1", None),
            ("3.1.1", None),
            ("5.1.1000", None),
            ("", None),
        ] {
            assert_eq!(status_code(text).as_deref(), expected, "{text}");
        }
    }
}
