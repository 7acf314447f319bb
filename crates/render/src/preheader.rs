//! Writes what an inbox shows next to the subject.

use crate::document::Part;

/// Most characters that are worth sending.
const LONGEST: usize = 256;

/// The beginning of the body in one line.
pub(crate) fn write(parts: &[Part]) -> String {
    let mut preheader = String::new();
    let mut left = LONGEST;
    let mut is_apart = false;
    for part in parts {
        match part {
            Part::Text(text) => {
                for c in text.chars() {
                    if c.is_whitespace() {
                        is_apart = true;
                        continue;
                    }
                    if is_apart && !preheader.is_empty() {
                        preheader.push(' ');
                        left -= 1;
                    }
                    is_apart = false;
                    if left <= 1 {
                        preheader.truncate(preheader.trim_end().len());
                        preheader.push('…');
                        return preheader;
                    }
                    preheader.push(c);
                    left -= 1;
                }
            }
            Part::Open(tag) | Part::Close(tag) if tag.is_inline() => {}
            _ => is_apart = true,
        }
    }
    preheader
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Tag;

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    #[test]
    fn blocks_and_lines_are_words_apart_and_marks_are_not() {
        let parts = [
            text(" a "),
            Part::Open(Tag::Strong),
            text("b"),
            Part::Close(Tag::Strong),
            text("c"),
            Part::Break,
            Part::Rule,
            text("d\u{a0} e "),
        ];
        assert_eq!(write(&parts), "a bc d e");
    }

    #[test]
    fn it_is_cut_at_256_characters() {
        for (sent, shown) in [
            ("é".repeat(255), "é".repeat(255)),
            ("é".repeat(256), "é".repeat(255) + "…"),
            ("a ".repeat(200), "a ".repeat(127) + "a…"),
        ] {
            let preheader = write(&[text(&sent)]);
            assert_eq!(preheader, shown);
            assert!(preheader.chars().count() <= 256);
        }
    }
}
