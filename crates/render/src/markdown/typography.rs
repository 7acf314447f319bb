//! Sets an author's text as a printer would: curly quotes, en dashes, no space before a comma.

use std::ops::Range;

use super::parts::Parts;

/// What came last in the line decides which way a quote curls.
pub(super) struct Typography {
    before: char,
}

impl Default for Typography {
    fn default() -> Self {
        Self { before: ' ' }
    }
}

impl Typography {
    /// Takes note of a text that is shown as it is.
    pub(super) fn pass(&mut self, text: &str) {
        if let Some(last) = text.chars().next_back() {
            self.before = last;
        }
    }

    /// Writes a stretch of a text; the text around it is looked at too.
    pub(super) fn write(&mut self, text: &str, stretch: Range<usize>, parts: &mut Parts) {
        let mut at = stretch.start;
        while let Some(c) = text[at..stretch.end].chars().next() {
            let mut end = at + c.len_utf8();
            let next = text[end..].chars().next();
            let set = match c {
                '"' if self.opens() => '“',
                '"' => '”',
                '\'' if self.opens() => '‘',
                '\'' => '’',
                '-' if self.before.is_whitespace() => match dash(&text[at..]) {
                    Some(len) => {
                        end = (at + len).min(stretch.end);
                        '–'
                    }
                    None => '-',
                },
                ',' | '.' if !next.is_some_and(char::is_alphanumeric) => {
                    parts.trim_spaces();
                    c
                }
                _ => c,
            };
            parts.text().push(set);
            self.before = set;
            at = end;
        }
    }

    fn opens(&self) -> bool {
        self.before.is_whitespace() || "([{<–—-/“‘".contains(self.before)
    }
}

/// Length of the one to three hyphens at the start, if white space follows them.
fn dash(text: &str) -> Option<usize> {
    let len = text.bytes().take(4).take_while(|b| *b == b'-').count();
    let is_dash = len <= 3 && text[len..].starts_with(char::is_whitespace);
    is_dash.then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Part, Tag};

    fn set(text: &str) -> String {
        let mut parts = Parts::default();
        parts.open(Tag::Paragraph);
        Typography::default().write(text, 0..text.len(), &mut parts);
        match parts.finish().as_slice() {
            [_, Part::Text(text), _] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn quotes_curl_towards_the_quoted() {
        assert_eq!(
            set(r#""It's 'fine'," said ("x") "'y'" rock 'n' roll"#),
            "“It’s ‘fine’,” said (“x”) “‘y’” rock ‘n’ roll"
        );
    }

    #[test]
    fn hyphens_between_spaces_are_dashes() {
        assert_eq!(
            set("a - b -- c --- d ---- e a-b -5 a- b"),
            "a – b – c – d ---- e a-b -5 a- b"
        );
    }

    #[test]
    fn no_space_stands_before_commas_and_full_stops() {
        assert_eq!(set("a , b . c  .  d .pdf ,5"), "a, b. c.  d .pdf ,5");
    }
}
