//! Writes a body as plain text.

use crate::document::{Part, Tag};

/// Of the line under a heading, and of a rule.
const LINE: usize = 65;

/// The body as lines ending in `\n`, the last one without.
pub(crate) fn write(parts: &[Part]) -> String {
    let mut plain = Plain::default();
    for part in parts {
        match part {
            Part::Open(tag) => plain.open(tag),
            Part::Close(tag) => plain.close(tag),
            Part::Text(text) => plain.push(text),
            Part::Break => plain.gap = (plain.gap + 1).min(2),
            Part::Rule => {
                plain.separate(2);
                plain.push(&"-".repeat(LINE));
                plain.separate(2);
            }
        }
    }
    plain.text
}

#[derive(Default)]
struct Plain {
    text: String,
    /// Line ends to be written before more text.
    gap: usize,
    /// What each line begins with: `> ` per quotation, spaces under an item's marker.
    prefixes: Vec<String>,
    /// What the next text begins with instead of the last prefix.
    marker: Option<String>,
    /// Whether nothing is written yet in the quotation opened last.
    is_fresh: bool,
    /// Of the open lists, the number of their next item.
    lists: Vec<Option<u64>>,
    /// Where the open link's label begins.
    label: usize,
}

impl Plain {
    fn open(&mut self, tag: &Tag) {
        match tag {
            Tag::Paragraph | Tag::Heading | Tag::Subheading => self.separate(2),
            Tag::Quote => {
                let ends = if self.marker.is_some() { 1 } else { 2 };
                self.flush_marker();
                self.separate(ends);
                if self.gap == 2 {
                    // The blank line is not quoted.
                    self.end_line();
                }
                self.prefixes.push("> ".to_owned());
                self.is_fresh = true;
            }
            Tag::List(first) => {
                self.separate(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push(*first);
            }
            Tag::Item => self.open_item(),
            Tag::Link(_) => {
                self.push("");
                self.label = self.text.len();
            }
            Tag::Strong | Tag::Emphasis | Tag::Section(_) => {}
        }
    }

    fn open_item(&mut self) {
        // An item that begins with a list has its marker on a line of its own.
        self.flush_marker();
        self.separate(1);
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => "• ".to_owned(),
        };
        self.prefixes.push(" ".repeat(marker.chars().count()));
        self.marker = Some(marker);
    }

    fn close(&mut self, tag: &Tag) {
        match tag {
            Tag::Heading | Tag::Subheading => {
                self.gap = 1;
                self.push(&"-".repeat(LINE));
                self.separate(2);
            }
            Tag::Paragraph => self.separate(2),
            Tag::Quote => {
                self.prefixes.pop();
                self.separate(2);
            }
            Tag::List(_) => {
                self.lists.pop();
                self.separate(if self.lists.is_empty() { 2 } else { 1 });
            }
            Tag::Item => {
                self.flush_marker();
                self.prefixes.pop();
                self.separate(1);
            }
            Tag::Link(url) => {
                let label = &self.text[self.label..];
                if !is_same(label, url) {
                    self.push(": ");
                    self.push(url);
                }
            }
            Tag::Strong | Tag::Emphasis | Tag::Section(_) => {}
        }
    }

    /// Asks for line ends before the next text, unless it comes first.
    fn separate(&mut self, ends: usize) {
        if !self.text.is_empty() && self.marker.is_none() && !self.is_fresh {
            self.gap = self.gap.max(ends);
        }
    }

    fn flush_marker(&mut self) {
        if self.marker.is_some() {
            self.push("");
            self.text.truncate(self.text.trim_end_matches(' ').len());
        }
    }

    fn push(&mut self, text: &str) {
        let begins_line = self.gap > 0 || self.text.is_empty();
        while self.gap > 0 {
            self.end_line();
        }
        if let Some(marker) = self.marker.take() {
            if begins_line {
                self.push_prefixes(self.prefixes.len() - 1);
            }
            self.text.push_str(&marker);
        } else if begins_line {
            self.push_prefixes(self.prefixes.len());
        }
        self.is_fresh = false;
        self.text.push_str(text);
    }

    /// Writes one of the line ends that are due.
    fn end_line(&mut self) {
        self.gap -= 1;
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
        if self.gap > 0 {
            self.push_prefixes(self.prefixes.len());
        }
    }

    fn push_prefixes(&mut self, count: usize) {
        for prefix in &self.prefixes[..count] {
            self.text.push_str(prefix);
        }
    }
}

/// Whether a label says where its link leads.
fn is_same(label: &str, url: &str) -> bool {
    let address = url
        .strip_prefix("mailto:")
        .or_else(|| url.strip_prefix("tel:"));
    label == url || Some(label) == address
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens the tags, writes the text and closes them again.
    fn within(tags: &[Tag], text: &str) -> Vec<Part> {
        let open = tags.iter().cloned().map(Part::Open);
        let close = tags.iter().rev().cloned().map(Part::Close);
        open.chain([Part::Text(text.to_owned())])
            .chain(close)
            .collect()
    }

    #[test]
    fn every_line_of_a_quotation_says_so_and_no_other() {
        let parts = [
            within(&[Tag::Paragraph], "a"),
            within(&[Tag::Quote, Tag::Paragraph], "b"),
            within(&[Tag::Quote, Tag::Quote, Tag::Paragraph], "c"),
            within(&[Tag::Quote, Tag::List(None), Tag::Item, Tag::Quote], "d"),
            within(&[Tag::Paragraph], "e"),
        ];
        insta::assert_snapshot!(write(&parts.concat()), @"
        a

        > b

        > > c

        > •
        >   > d

        e
        ");
    }

    #[test]
    fn lines_of_an_item_stand_under_its_text() {
        let list = [Tag::List(Some(9)), Tag::Item];
        let mut parts = within(&list, "nine");
        parts.truncate(parts.len() - 2);
        parts.push(Part::Break);
        parts.push(Part::Text("more".to_owned()));
        parts.push(Part::Close(Tag::Item));
        parts.push(Part::Open(Tag::Item));
        parts.extend(within(&[Tag::List(None), Tag::Item], "deep"));
        parts.extend([
            Part::Close(Tag::Item),
            Part::Open(Tag::Item),
            Part::Close(Tag::Item),
        ]);
        insta::assert_snapshot!(write(&parts), @"
        9. nine
           more
        10.
            • deep
        11.
        ");
    }

    #[test]
    fn a_link_is_named_once() {
        let link = |url: &str, label| write(&within(&[Tag::Link(url.to_owned())], label));
        assert_eq!(link("https://a.example", "b"), "b: https://a.example");
        for (url, label) in [
            ("https://a.example", "https://a.example"),
            ("mailto:a@b.example", "a@b.example"),
            ("mailto:a@b.example", "mailto:a@b.example"),
            ("tel:613", "613"),
        ] {
            assert_eq!(link(url, label), label);
        }
    }
}
