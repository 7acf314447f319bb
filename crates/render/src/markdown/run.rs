//! A run of text between two marks or line ends, and the addresses in it.

use std::ops::Range;

use super::target;

/// Whose a stretch of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The author's: it gets its typography, and its e-mail addresses become links.
    Author,
    /// To be shown exactly: a value or code.
    Exact,
}

#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) text: String,
    /// Where each stretch ends, and whose it is.
    stretches: Vec<(usize, Origin)>,
}

/// An address in a run, to which no typography is done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) range: Range<usize>,
    /// `None` if it is not to become a link.
    pub(super) href: Option<String>,
}

impl Run {
    pub(super) fn push(&mut self, origin: Origin, text: &str) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(text);
        match self.stretches.last_mut() {
            // Neighbouring values stay apart.
            Some((end, Origin::Author)) if origin == Origin::Author => *end = self.text.len(),
            _ => self.stretches.push((self.text.len(), origin)),
        }
    }

    /// The stretches of a part of the run.
    pub(super) fn stretches(
        &self,
        part: Range<usize>,
    ) -> impl Iterator<Item = (Range<usize>, Origin)> {
        let first = self.stretch_at(part.start);
        let mut start = part.start;
        self.stretches[first..]
            .iter()
            .map_while(move |(end, origin)| {
                let range = start..part.end.min(*end);
                start = range.end;
                (!range.is_empty()).then_some((range, *origin))
            })
    }

    /// The web and e-mail addresses, in order.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let mut addresses = Vec::new();
        let mut end = 0;
        for (colon, _) in self.text.match_indices("://") {
            if colon < end {
                continue;
            }
            if let Some(web) = self.web_address(end, colon) {
                self.push_mail_addresses(end..web.range.start, &mut addresses);
                end = web.range.end;
                addresses.push(web);
            }
        }
        self.push_mail_addresses(end..self.text.len(), &mut addresses);
        addresses
    }

    /// The address with this `://`, which begins no earlier than `from`.
    fn web_address(&self, from: usize, colon: usize) -> Option<Address> {
        let before = &self.text[from..colon];
        let scheme = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
        let start = from + scheme.len();
        let body = colon + "://".len();
        // Before looking for its end, or a text full of `https://` would take forever.
        target::bare(self.text[start..].get(..body - start + 1)?)?;
        let is_end = |c: char| c.is_whitespace() || c.is_control() || "<>\"`".contains(c);
        let len = self.text[body..]
            .find(is_end)
            .unwrap_or(self.text.len() - body);
        let range = start..self.without_punctuation(start, body..body + len);
        let href = target::bare(&self.text[range.clone()])?;
        Some(Address {
            range,
            href: Some(href),
        })
    }

    /// Where an address ends if what follows it in the sentence is left out: punctuation, and
    /// closing brackets that it has not opened. A token that ends so is not a sentence's end.
    fn without_punctuation(&self, start: usize, body: Range<usize>) -> usize {
        let mut text = &self.text[body.clone()];
        let pairs = [('(', ')'), ('[', ']'), ('{', '}')];
        let count = |of: char| text.chars().filter(|c| *c == of).count();
        let mut unopened = pairs.map(|(open, close)| count(close).saturating_sub(count(open)));
        while let Some(last) = text.chars().next_back() {
            let bracket = pairs.iter().position(|(_, close)| *close == last);
            let is_of_sentence = match bracket {
                Some(which) => unopened[which] > 0,
                None => ".,;:!?'*’”".contains(last),
            };
            let stretch = self.stretch_at(body.start + text.len() - 1);
            let is_token =
                self.stretches[stretch].1 == Origin::Exact && stretch != self.stretch_at(start);
            if !is_of_sentence || is_token {
                break;
            }
            if let Some(which) = bracket {
                unopened[which] -= 1;
            }
            text = &text[..text.len() - last.len_utf8()];
        }
        body.start + text.len()
    }

    fn push_mail_addresses(&self, part: Range<usize>, addresses: &mut Vec<Address>) {
        let mut from = part.start;
        for (at, _) in self.text[part.clone()].match_indices('@') {
            let at = part.start + at;
            if at < from {
                continue;
            }
            let local = self.text[from..at]
                .bytes()
                .rev()
                .take_while(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(b))
                .count();
            let quotes = self.text[at - local..at]
                .bytes()
                .take_while(|b| *b == b'\'')
                .count();
            let mut start = at - local + quotes;
            let domain = self.text[at + 1..part.end]
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || b".-".contains(b))
                .count();
            let domain = self.text[at + 1..at + 1 + domain].trim_end_matches(['.', '-']);
            let end = at + 1 + domain.len();
            if start == at || !domain.contains('.') || domain.starts_with('.') {
                continue;
            }
            let address = &self.text[start..end];
            let is_authors = self
                .stretches(start..end)
                .all(|(range, origin)| origin == Origin::Author && range == (start..end));
            let href = is_authors
                .then(|| format!("mailto:{address}"))
                .and_then(|href| {
                    target::resolve([crate::stand_in::Piece::Author(&href)].into_iter())
                });
            if href.is_some() && self.text[from..start].ends_with("mailto:") {
                start -= "mailto:".len();
            }
            from = end;
            addresses.push(Address {
                range: start..end,
                href,
            });
        }
    }

    fn stretch_at(&self, byte: usize) -> usize {
        self.stretches.partition_point(|(end, _)| *end <= byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[(Origin, &str)]) -> Vec<(String, Option<String>)> {
        let mut run = Run::default();
        for (origin, text) in pieces {
            run.push(*origin, text);
        }
        let addresses = run.addresses().into_iter();
        addresses
            .map(|address| (run.text[address.range].to_owned(), address.href))
            .collect()
    }

    fn texts(pieces: &[(Origin, &str)]) -> Vec<String> {
        found(pieces).into_iter().map(|(text, _)| text).collect()
    }

    use Origin::{Author, Exact};

    #[test]
    fn addresses_end_before_the_punctuation_of_the_sentence() {
        assert_eq!(
            texts(&[(
                Author,
                "See https://a.example/b, (http://c.example/(d)), 'https://e.example/?f=g_'. \
                 HTTPS://h.example/i! xhttps://j.example https:// https://k.example://l"
            )]),
            [
                "https://a.example/b",
                "http://c.example/(d)",
                "https://e.example/?f=g_",
                "HTTPS://h.example/i",
                "https://k.example://l",
            ]
        );
    }

    #[test]
    fn a_token_at_the_end_is_kept_whole_and_an_address_in_a_value_is_not() {
        assert_eq!(
            texts(&[
                (Author, "https://a.example/?t="),
                (Exact, "b."),
                (Author, ".")
            ]),
            ["https://a.example/?t=b."]
        );
        assert_eq!(
            texts(&[(Exact, "See https://a.example.")]),
            ["https://a.example"]
        );
    }

    #[test]
    fn only_the_authors_mail_addresses_become_links() {
        assert_eq!(
            found(&[(Author, "'o'neil@a.example' mailto:b@c.example. @d e@f")]),
            [
                (
                    "o'neil@a.example".to_owned(),
                    Some("mailto:o'neil@a.example".to_owned())
                ),
                (
                    "mailto:b@c.example".to_owned(),
                    Some("mailto:b@c.example".to_owned())
                ),
            ]
        );
        assert_eq!(
            found(&[(Author, "x "), (Exact, "a"), (Author, "@b.example")]),
            [("a@b.example".to_owned(), None)]
        );
    }
}
