//! Fills a body with stand-ins, so that the Markdown parser never reads a value.
//!
//! A value's stand-in is its number between two noncharacters. To the parser that is a word: it
//! begins no list, closes no emphasis and ends no link. The value itself is put in when the
//! parser is done. The same way keep characters of the author that the dialect takes literally.

use std::collections::HashMap;

use carillon_core::personalisation::{self, Personalisation};
use carillon_core::template::{Segment, Template, shows};
use serde_json::Value;

use crate::clean::{clean, is_noncharacter};

const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';
/// Stood in for by the noncharacters that follow [`CLOSE`], in this order.
const LITERALS: [char; 8] = ['<', '>', '*', '_', '-', '+', '.', ')'];
const FIRST_LITERAL: u32 = 0xfdd2;

/// A body as Markdown, and the values that its stand-ins stand for.
#[derive(Default)]
pub(crate) struct Filled {
    pub(crate) markdown: String,
    values: Vec<String>,
}

/// A stretch of parsed text, by whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Author(&'a str),
    /// Of the author, to be taken as it is.
    Literal(char),
    Value(&'a str),
}

impl Filled {
    /// Conditional text is the author's. A marker without a value is shown as it was written. A
    /// list becomes bullets, which begin on a line of their own.
    pub(crate) fn new(template: &Template, values: &Personalisation) -> Self {
        let mut filled = Self::default();
        let mut known = HashMap::new();
        // Whether a `[` is open on the current line: `[label]((url))` is a link.
        let mut in_brackets = false;
        for segment in template.segments() {
            match (segment, segment.name().and_then(|name| values.get(name))) {
                (Segment::Text(text), _) => {
                    filled.push_author(text);
                    if let Some(at) = text.rfind(['[', '\n']) {
                        in_brackets = text[at..].starts_with('[');
                    }
                }
                (Segment::Conditional { text, .. }, Some(value)) => {
                    if shows(value) {
                        filled.push_author(text);
                    }
                }
                (Segment::Value { .. }, Some(Value::Array(items))) => filled.push_list(items),
                (Segment::Value { name }, Some(value)) => {
                    let number = *known
                        .entry(name.as_str())
                        .or_insert_with(|| filled.keep(clean(&personalisation::text(value))));
                    let is_target = in_brackets
                        && filled.markdown.ends_with(']')
                        && is_web_address(&filled.values[number]);
                    if is_target {
                        filled.markdown.push('(');
                        filled.push_stand_in(number);
                        filled.markdown.push(')');
                    } else {
                        filled.push_stand_in(number);
                    }
                }
                (marker, None) => {
                    let number = filled.keep(clean(&marker.to_string()));
                    filled.push_stand_in(number);
                }
            }
        }
        filled
    }

    /// What a text from the parser is made of.
    pub(crate) fn pieces<'a>(&'a self, text: &'a str) -> Pieces<'a> {
        Pieces {
            values: &self.values,
            rest: text,
        }
    }

    fn push_author(&mut self, text: &str) {
        let is_text = |c: &char| !is_noncharacter(*c) && (!c.is_control() || "\t\n\r".contains(*c));
        self.markdown.extend(text.chars().filter(is_text));
    }

    fn push_list(&mut self, items: &[Value]) {
        if items.iter().all(Value::is_null) {
            return;
        }
        for item in items.iter().filter(|item| !item.is_null()) {
            let number = self.keep(clean(&personalisation::text(item)));
            self.markdown.push_str("\n* ");
            self.push_stand_in(number);
        }
        // Else what follows would be taken for more of the last item.
        self.markdown.push_str("\n\n");
    }

    fn keep(&mut self, value: String) -> usize {
        self.values.push(value);
        self.values.len() - 1
    }

    fn push_stand_in(&mut self, number: usize) {
        self.markdown.push(OPEN);
        self.markdown.push_str(&number.to_string());
        self.markdown.push(CLOSE);
    }
}

/// The stand-in for a character of the author that is no markup here.
pub(crate) fn literal(c: char) -> char {
    (FIRST_LITERAL..)
        .zip(LITERALS)
        .find(|(_, literal)| *literal == c)
        .and_then(|(stand_in, _)| char::from_u32(stand_in))
        .unwrap_or(c)
}

fn is_web_address(value: &str) -> bool {
    let starts = |scheme: &str| {
        value
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    (starts("https://") || starts("http://")) && !value.contains(char::is_whitespace)
}

/// Walks over a text, taking stand-ins apart.
pub(crate) struct Pieces<'a> {
    values: &'a [String],
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let first = self.rest.chars().next()?;
        let (piece, len) = if first == OPEN {
            self.value()
        } else if is_noncharacter(first) {
            (literal_of(first), first.len_utf8())
        } else {
            let len = self.rest.find(is_noncharacter).unwrap_or(self.rest.len());
            (Piece::Author(&self.rest[..len]), len)
        };
        self.rest = &self.rest[len..];
        Some(piece)
    }
}

impl<'a> Pieces<'a> {
    /// The value at the start, and the length of its stand-in. Character references such as
    /// `&#xfdd0;` can forge one, which then stands for nothing or for another value.
    fn value(&self) -> (Piece<'a>, usize) {
        let number = &self.rest[OPEN.len_utf8()..];
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let value = number[..digits]
            .parse()
            .ok()
            .filter(|_| number[digits..].starts_with(CLOSE))
            .and_then(|number: usize| self.values.get(number));
        match value {
            Some(value) => (
                Piece::Value(value),
                OPEN.len_utf8() + digits + CLOSE.len_utf8(),
            ),
            None => (Piece::Author(""), OPEN.len_utf8()),
        }
    }
}

fn literal_of(stand_in: char) -> Piece<'static> {
    (FIRST_LITERAL..)
        .zip(LITERALS)
        .find(|(number, _)| *number == u32::from(stand_in))
        .map_or(Piece::Author(""), |(_, c)| Piece::Literal(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(body: &str, values: &Value) -> Filled {
        let values = Personalisation::stored(values.as_object().cloned().unwrap());
        Filled::new(&Template::parse(body), &values)
    }

    fn shown(body: &str, values: &Value) -> String {
        let filled = filled(body, values);
        let pieces = filled.pieces(&filled.markdown);
        let shown = pieces.map(|piece| match piece {
            Piece::Author(text) => text.to_owned(),
            Piece::Literal(c) => format!("<{c}>"),
            Piece::Value(text) => format!("<{text}>"),
        });
        shown.collect()
    }

    #[test]
    fn the_parser_sees_no_character_of_a_value() {
        let filled = filled("a ((v)) b", &json!({"v": "**x** [y](z)"}));
        assert_eq!(filled.markdown, "a \u{fdd0}0\u{fdd1} b");
    }

    #[test]
    fn a_value_is_put_in_where_it_stood() {
        assert_eq!(
            shown(
                "((a))((a)) ((b)) ((yes??**c**))((no??d))((gone))",
                &json!({"a": 1, "b": true, "yes": "yes", "no": "no"})
            ),
            "<1><1> <True> **c**<((gone))>"
        );
    }

    #[test]
    fn a_list_begins_on_its_own_line_and_ends_before_the_next() {
        assert_eq!(
            shown("Bring ((l))now", &json!({"l": ["a", null, 2]})),
            "Bring \n* <a>\n* <2>\n\nnow"
        );
    }

    #[test]
    fn a_web_address_after_brackets_is_their_target() {
        let link = json!({"u": "HTTPS://x.example/"});
        assert_eq!(shown("[a]((u))", &link), "[a](<HTTPS://x.example/>)");
        assert_eq!(shown("[a](((u)))", &link), "[a](<HTTPS://x.example/>)");
        assert_eq!(shown("[a\nb]((u))", &link), "[a\nb]<HTTPS://x.example/>");
        assert_eq!(shown("[a]((u))", &json!({"u": "b"})), "[a]<b>");
    }

    #[test]
    fn stand_ins_of_others_are_dropped() {
        assert_eq!(
            shown("\u{fdd0}0\u{fdd1}((v))", &json!({"v": "\u{fdd0}0\u{fdd1}"})),
            "0<0>"
        );
        let one = filled("((v))", &json!({"v": "x"}));
        for forged in ["\u{fdd0}", "\u{fdd0}7\u{fdd1}", "\u{fdd0}0", "\u{fddf}"] {
            let text: Vec<_> = one.pieces(forged).collect();
            assert!(!text.contains(&Piece::Value("x")), "{forged:?}");
        }
    }
}
