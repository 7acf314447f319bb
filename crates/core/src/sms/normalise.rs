//! Making a text cheap to send without changing what it says.
//!
//! Word processors put in typographic characters that look like plain ones and double the price
//! of a message; those are replaced. Letters of any script and emoji are what the author means,
//! so they stay and the message becomes UCS-2 (GC Notify would take their accents off).

use super::Encoding;

/// The rules for the text of a message.
#[derive(Debug, Clone, Copy)]
pub struct SmsText;

impl SmsText {
    /// The text as it is sent, shown in previews and counted. Doing it twice changes nothing.
    ///
    /// Line ends become `\n`; typographic quotes, dashes, dots and spaces become plain;
    /// invisible characters go unless the script needs them; control characters become `?`.
    #[must_use]
    pub fn normalise(text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' => {
                    chars.next_if_eq(&'\n');
                    plain.push('\n');
                }
                c if is_unseen(c) => {}
                c => match look_alike(c) {
                    Some(replacement) => plain.push_str(replacement),
                    None => plain.push(c),
                },
            }
        }
        let visible: String = plain.chars().filter(|c| !shapes_script(*c)).collect();
        // In a text that fits GSM-7 there is nothing to shape; a stray one would double the price.
        match Encoding::of(&visible) {
            Encoding::Gsm7 => visible,
            Encoding::Ucs2 => plain,
        }
    }
}

/// What a character is sent as, if not as itself.
fn look_alike(c: char) -> Option<&'static str> {
    Some(match c {
        '\n' => return None,
        '\u{2018}'..='\u{201B}' | '\u{2032}' | '\u{2035}' | '‹' | '›' | '`' | '´' => "'",
        '\u{201C}'..='\u{201F}' | '\u{2033}' | '\u{2036}' | '«' | '»' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        '…' => "...",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => "\n",
        c if c.is_whitespace() => " ",
        c if c.is_control() || is_meaningless(c) => "?",
        _ => return None,
    })
}

/// Characters without a shape of their own on any phone: private ones, non-characters, and the
/// sign that something was lost.
const fn is_meaningless(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{FDD0}'..='\u{FDEF}' | '\u{F0000}'..)
        || c == '\u{FFFD}'
        || (c as u32) & 0xFFFE == 0xFFFE
}

/// Invisible characters that no text needs to be read.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}'
    )
}

/// Invisible characters that join letters, pick emoji or set the direction of a script.
const fn shapes_script(c: char) -> bool {
    matches!(
        c,
        '\u{200C}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FE00}'..='\u{FE0F}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(text: &str) -> String {
        SmsText::normalise(text)
    }

    #[test]
    fn line_ends_become_one_character() {
        assert_eq!(sent("a\r\nb\rc\nd\r\r\ne\u{2028}f"), "a\nb\nc\nd\n\ne\nf");
    }

    #[test]
    fn typography_becomes_plain() {
        assert_eq!(
            sent("“It’s ‘here’” – 5\u{a0}pm…\t«oui» − ﬁne `x´"),
            "\"It's 'here'\" - 5 pm... \"oui\" - fine 'x'"
        );
        assert_eq!(
            sent("zero\u{200b}width\u{feff} soft\u{ad}hyphen"),
            "zerowidth softhyphen"
        );
    }

    #[test]
    fn letters_of_every_script_and_emoji_stay() {
        for text in [
            "ŵyneb â ê î ô û ç œ",
            "ᐃᓄᒃᑎᑐᑦ",
            "Привіт",
            "مرحبا",
            "你好",
            "🔔 ring ☎ 5 × 3 ™",
        ] {
            assert_eq!(sent(text), text);
        }
    }

    #[test]
    fn joiners_stay_only_where_a_script_needs_them() {
        for text in [
            "👩\u{200d}🚒",
            "می\u{200c}خواهم",
            "❤\u{fe0f}",
            "שלום\u{200f}",
        ] {
            assert_eq!(sent(text), text);
        }
        assert_eq!(sent("\u{202a}07700 900123\u{202c}"), "07700 900123");
    }

    #[test]
    fn what_no_phone_can_show_becomes_a_question_mark() {
        assert_eq!(
            sent("a\0b\u{1b}c\u{7f}d\u{fffd}e\u{e000}f\u{ffff}"),
            "a?b?c?d?e?f?"
        );
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "(\\PC|[\u{0}-\u{20}\u{200b}-\u{202f}🔔’]){0,60}") {
            let once = sent(&text);
            prop_assert_eq!(sent(&once), once);
        }

        #[test]
        fn no_control_character_is_sent(text in any::<String>()) {
            prop_assert!(!sent(&text).contains(|c: char| c.is_control() && c != '\n'));
        }

        #[test]
        fn a_plain_text_is_sent_as_it_is(text in "[a-zA-Z0-9 \n@£$èéùìòÇØøÅå_ÆæßÉ!\"#¤%&'()*+,./:;<=>?¡ÄÖÑÜ§¿äöñüà€{}~|^\\[\\]-]{0,90}") {
            prop_assert_eq!(sent(&text), text);
        }
    }
}
