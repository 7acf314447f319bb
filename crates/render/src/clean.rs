//! Makes a value fit to be shown: line ends are `\n`, and nothing invisible changes what is read.

use std::borrow::Cow;

/// What `carillon_core::personalisation::sanitise` puts a backslash before.
const ESCAPED: &str = r"`*_()\{}[]<>#+-.!|";

/// The value as text, without blank lines around it and with at most one in a row inside.
pub(crate) fn clean(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut ends = 0;
    let value = unescaped(value);
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                ends += 1;
                if ends <= 2 {
                    text.push('\n');
                }
            }
            '\t' => text.push(' '),
            c if is_unfit(c) => {}
            c => {
                ends = 0;
                text.push(c);
            }
        }
    }
    let shown = text.trim_matches('\n').len();
    if shown < text.len() {
        text = text.trim_matches('\n').to_owned();
    }
    text
}

/// Whether a character would change the reading of what is around it, or is none at all:
/// controls, embeddings, overrides and isolates of direction, the byte order mark, interlinear
/// annotations and noncharacters. Joiners and direction marks stay: scripts and emoji need them.
pub(crate) const fn is_unfit(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}')
        || is_noncharacter(c)
}

/// Whether Unicode promises never to assign the character.
pub(crate) const fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || matches!(c as u32 & 0xffff, 0xfffe | 0xffff)
}

/// The value that was sanitised, if it looks so: every character of Markdown in it is behind a
/// backslash. Any other backslash is what the sender meant.
fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, ESCAPED.contains(c)) {
            ('\\', _) => match chars.next() {
                Some(escaped) if ESCAPED.contains(escaped) => text.push(escaped),
                _ => return Cow::Borrowed(value),
            },
            (_, true) => return Cow::Borrowed(value),
            (c, false) => text.push(c),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use carillon_core::personalisation::sanitise;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends_are_one_kind_and_never_more_than_two() {
        assert_eq!(
            clean("\r\n\na\r\nb\rc\u{2028}d\n\n\r\n\n\u{b}e\n\n"),
            "a\nb\nc\nd\n\ne"
        );
    }

    #[test]
    fn what_reorders_or_hides_text_is_dropped() {
        assert_eq!(
            clean("a\0\u{1b}[1m\u{202e}b\u{2066}c\u{2069}\u{feff}\u{fdd0}1\u{fdd1}\u{10ffff}\td"),
            "a[1mbc1 d"
        );
    }

    #[test]
    fn joiners_and_direction_marks_stay() {
        let text = "👩\u{200d}🔬 می\u{200c}خواهم \u{200f}";
        assert_eq!(clean(text), text);
    }

    #[test]
    fn backslashes_of_values_that_were_not_sanitised_stay() {
        for text in [r"C:\temp\x", r"\\server\share", r"a\*b*", "a\\"] {
            assert_eq!(clean(text), text);
        }
        assert_eq!(clean(r"Smith\-Jones \(Ltd\)\."), "Smith-Jones (Ltd).");
    }

    proptest! {
        #[test]
        fn a_sanitised_value_reads_as_it_was_sent(text in "[ -~é]{0,40}") {
            prop_assume!(!text.contains("://") && !text.to_lowercase().contains("www."));
            prop_assert_eq!(clean(&sanitise(&text)), text);
        }
    }
}
