//! Decides where a link may lead.
//!
//! Only schemes that run nothing are allowed, and what a value brings cannot end the address or
//! name another host.

use std::fmt::Write as _;

use crate::stand_in::Piece;

/// Of links that are kept. Others lose their target and stay as text.
pub(super) const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// What clients that look for addresses in text may take for the end of one.
const UNSURE: &str = "'()^{|}";

/// The address of a link as an author wrote it, with its values; `None` if it may not be one.
pub(super) fn resolve<'a>(pieces: impl Iterator<Item = Piece<'a>>) -> Option<String> {
    let mut url = String::new();
    let mut begins_with_value = false;
    for piece in pieces {
        match piece {
            Piece::Author(text) => push_encoded(&mut url, text, ""),
            Piece::Literal(c) => push_encoded(&mut url, c.encode_utf8(&mut [0; 4]), ""),
            Piece::Value(text) if url.is_empty() => {
                begins_with_value |= !text.trim().is_empty();
                push_encoded(&mut url, text.trim(), UNSURE);
            }
            // Behind an author's `https://example.org`, `@` would make that a user's name.
            Piece::Value(text) if is_web(&url) => {
                push_encoded(&mut url, text.trim(), &[UNSURE, "@"].concat());
            }
            // `?` and `&` would add a copy's recipient to an e-mail.
            Piece::Value(text) => {
                push_encoded(&mut url, text.trim(), &[UNSURE, "?&#"].concat());
            }
        }
    }
    let is_allowed = is_web(&url) || (!begins_with_value && is_mail_or_telephone(&url));
    is_allowed.then_some(url)
}

/// A bare web address as it stands in a text, for `href`; `None` without a host.
pub(super) fn bare(text: &str) -> Option<String> {
    let mut url = String::with_capacity(text.len());
    push_encoded(&mut url, text, "");
    is_web(&url).then_some(url)
}

/// Whether it begins with `http(s)://` and a character of a host.
fn is_web(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let is_scheme = ["http", "https"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s));
    let has_host = rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '[' | '%'));
    is_scheme && has_host
}

fn is_mail_or_telephone(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, rest)| {
        let is_scheme = ["mailto", "tel"]
            .iter()
            .any(|s| scheme.eq_ignore_ascii_case(s));
        is_scheme && !rest.is_empty()
    })
}

/// Writes the text, with what no address may hold and what is `also` unwanted percent-encoded.
/// Letters beyond ASCII stay: clients read internationalised addresses.
fn push_encoded(url: &mut String, text: &str, also: &str) {
    for c in text.chars() {
        if "\"<>\\`".contains(c) || also.contains(c) || is_invisible(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a `String` cannot fail.
                let _ = write!(url, "%{byte:02X}");
            }
        } else {
            url.push(c);
        }
    }
}

fn is_invisible(c: char) -> bool {
    let is_format = matches!(c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_whitespace() || c.is_control() || is_format
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_author(url: &str) -> Option<String> {
        resolve([Piece::Author(url)].into_iter())
    }

    fn of_value(url: &str) -> Option<String> {
        resolve([Piece::Value(url)].into_iter())
    }

    #[test]
    fn schemes_that_run_nothing_are_allowed() {
        for url in [
            "https://a.example/b?c=d&e#f",
            "HTTP://a.example",
            "http://[::1]/",
            "https://bücher.example/",
            "mailto:a@b.example?subject=c",
            "tel:+1-613-555-0100",
        ] {
            assert_eq!(of_author(url).as_deref(), Some(url));
        }
    }

    #[test]
    fn other_targets_are_not() {
        for url in [
            "",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "javascript://a.example/%0aalert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "ftp://a.example",
            "//a.example",
            "/a",
            "a.example",
            "https:a.example",
            "https:///a.example",
            "https:\\\\a.example",
            "https://",
            "https://@a.example",
            "mailto:",
            "x https://a.example",
        ] {
            assert_eq!(of_author(url), None, "{url}");
            assert_eq!(of_value(url), None, "{url}");
        }
    }

    #[test]
    fn a_whole_target_from_a_value_is_a_web_address() {
        assert_eq!(
            of_value(" https://a.example/(b)?c=\"d e\"\n").as_deref(),
            Some("https://a.example/%28b%29?c=%22d%20e%22")
        );
        assert_eq!(of_value("mailto:a@b.example"), None);
        assert_eq!(of_value("tel:1"), None);
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_a_target() {
        let with =
            |before, value| resolve([Piece::Author(before), Piece::Value(value)].into_iter());
        insta::assert_snapshot!(
            with("https://a.example/?t=", "x y\"><img>').\u{202e}\\").unwrap(),
            @"https://a.example/?t=x%20y%22%3E%3Cimg%3E%27%29.%E2%80%AE%5C"
        );
        insta::assert_snapshot!(
            with("https://a.example", "@evil.example").unwrap(),
            @"https://a.example%40evil.example"
        );
        insta::assert_snapshot!(
            with("mailto:", "a@b.example?bcc=c@d.example&x#y").unwrap(),
            @"mailto:a@b.example%3Fbcc=c@d.example%26x%23y"
        );
        assert_eq!(with("java", "script:alert(1)"), None);
        let around = [Piece::Value("javascript"), Piece::Author("://a.example")];
        assert_eq!(resolve(around.into_iter()), None);
    }

    proptest! {
        #[test]
        fn an_address_is_fit_for_an_attribute(a in any::<String>(), v in any::<String>()) {
            for before in ["", "https://a.example/", "mailto:", &a] {
                let url = resolve([Piece::Author(before), Piece::Value(&v)].into_iter());
                if let Some(url) = url {
                    let is_unfit = |c: char| "\"<>`\\".contains(c) || c.is_whitespace() || c.is_control();
                    prop_assert!(!url.contains(is_unfit), "{url}");
                    let (scheme, _) = url.split_once(':').unwrap();
                    prop_assert!(SCHEMES.contains(&&*scheme.to_ascii_lowercase()), "{url}");
                }
            }
        }
    }
}
