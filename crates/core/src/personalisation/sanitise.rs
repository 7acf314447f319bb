//! Making values that strangers typed harmless: no Markdown, no links
//! (spec/clients.md §1, `sanitise_content_for`).

use serde_json::Value;

/// Characters that Markdown gives a meaning.
const MARKDOWN: &str = r"`*_()\{}[]<>#+-.!|";
/// Punctuation that ends the sentence around an address rather than the address.
const AFTER_URL: [char; 10] = ['.', ',', ';', ':', '!', '?', ')', ']', '\'', '"'];

/// The text without web addresses and with a backslash before every character of Markdown.
///
/// An address is whatever holds `://`, or begins with `www.`, up to the next white space.
#[must_use]
pub fn sanitise(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end_matches(char::is_whitespace);
        let gap = &piece[word.len()..];
        let (before, after) = around_url(word).unwrap_or((word, ""));
        for c in before.chars().chain(after.chars()).chain(gap.chars()) {
            if MARKDOWN.contains(c) {
                clean.push('\\');
            }
            clean.push(c);
        }
    }
    clean
}

/// [`sanitise`] for any value; numbers and booleans are harmless as they are.
pub(super) fn value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(sanitise(text)),
        Value::Array(parts) => Value::Array(parts.iter().map(self::value).collect()),
        other => other.clone(),
    }
}

/// What surrounds the address in a word without white space; `None` if there is no address.
fn around_url(word: &str) -> Option<(&str, &str)> {
    let by_scheme = word.find("://").map(|colon| {
        let scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        (
            word[..colon].trim_end_matches(scheme).len(),
            colon + "://".len(),
        )
    });
    let by_name = word
        .to_ascii_lowercase()
        .match_indices("www.")
        .find(|(at, _)| !word[..*at].ends_with(char::is_alphanumeric))
        .map(|(at, name)| (at, at + name.len()));
    let (start, body) = [by_scheme, by_name].into_iter().flatten().min()?;
    let end = body + word[body..].trim_end_matches(AFTER_URL).len();
    Some((&word[..start], &word[end..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markdown_is_escaped() {
        insta::assert_snapshot!(
            sanitise(r"`*_()\{}[]<>#+-.!| stays: a/b, c&d"),
            @r"\`\*\_\(\)\\\{\}\[\]\<\>\#\+\-\.\!\| stays: a/b, c&d"
        );
    }

    #[test]
    fn web_addresses_are_dropped_and_the_sentence_around_them_stays() {
        insta::assert_snapshot!(
            sanitise("Go (HTTPS://evil.example/a?b=c#d). Or\tWWW.evil.example, or ftp://x"),
            @"Go \\(\\)\\. Or	, or "
        );
        assert_eq!(sanitise("[pay](https://evil.example/x)"), r"\[pay\]\(\)");
        assert_eq!(sanitise("awww.ok a:b //c"), r"awww\.ok a:b //c");
    }

    proptest! {
        #[test]
        fn no_address_survives(text in "([a-z/:.()! ]|://|www\\.|http|\\PC){0,40}") {
            prop_assert!(!sanitise(&text).contains("://"));
        }

        #[test]
        fn unescaping_plain_text_gives_it_back(text in "[a-z*_()#+!|\\[\\] -]*") {
            prop_assert_eq!(sanitise(&text).replace('\\', ""), text);
        }
    }
}
