//! Builds a sequence of parts that always balances and holds nothing empty.

use crate::document::{Part, Tag};

#[derive(Default)]
pub(super) struct Parts {
    parts: Vec<Part>,
    open: Vec<Tag>,
}

impl Parts {
    pub(super) fn open(&mut self, tag: Tag) {
        self.open.push(tag.clone());
        self.parts.push(Part::Open(tag));
    }

    /// Closes what was opened last. If there is nothing in it, it is as if it never was.
    pub(super) fn close(&mut self) {
        let Some(tag) = self.open.pop() else {
            return;
        };
        if !tag.is_inline() {
            self.trim_spaces();
        }
        self.drop_empty_text();
        if !tag.is_inline() {
            while self.parts.pop_if(|part| *part == Part::Break).is_some() {}
        }
        if self.parts.last() == Some(&Part::Open(tag.clone())) {
            match &tag {
                Tag::Item => {}
                Tag::Link(url) => self.parts.push(Part::Text(url.clone())),
                _ => {
                    self.parts.pop();
                    return;
                }
            }
        }
        self.parts.push(Part::Close(tag));
    }

    /// Begins a new line; the second in a row begins a new paragraph if it can.
    pub(super) fn break_line(&mut self) {
        self.trim_spaces();
        self.drop_empty_text();
        match self.parts.as_slice() {
            // The block begins a line by itself.
            [] | [.., Part::Rule] => {}
            [.., Part::Open(tag) | Part::Close(tag)] if !tag.is_inline() => {}
            [.., Part::Break] if self.inside() == Some(&Tag::Paragraph) => {
                self.close();
                self.open(Tag::Paragraph);
            }
            [.., Part::Break, Part::Break] => {}
            _ => self.parts.push(Part::Break),
        }
    }

    pub(super) fn rule(&mut self) {
        self.parts.push(Part::Rule);
    }

    /// The text at the end, to be added to.
    pub(super) fn text(&mut self) -> &mut String {
        if !matches!(self.parts.last(), Some(Part::Text(_))) {
            self.parts.push(Part::Text(String::new()));
        }
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text,
            _ => unreachable!("a text was just pushed"),
        }
    }

    /// Drops spaces at the end of the line so far, whatever marks they stand in.
    pub(super) fn trim_spaces(&mut self) {
        for part in self.parts.iter_mut().rev() {
            match part {
                Part::Text(text) => {
                    text.truncate(text.trim_end_matches(' ').len());
                    if !text.is_empty() {
                        return;
                    }
                }
                Part::Open(tag) | Part::Close(tag) if tag.is_inline() => {}
                _ => return,
            }
        }
    }

    /// What was opened last and is still open.
    pub(super) fn inside(&self) -> Option<&Tag> {
        self.open.last()
    }

    /// How many of these are open.
    pub(super) fn depth(&self, of: impl Fn(&Tag) -> bool) -> usize {
        self.open.iter().filter(|tag| of(tag)).count()
    }

    /// The parts, with everything closed.
    pub(super) fn finish(mut self) -> Vec<Part> {
        while !self.open.is_empty() {
            self.close();
        }
        self.parts
    }

    fn drop_empty_text(&mut self) {
        let is_empty = |part: &mut Part| matches!(part, Part::Text(text) if text.is_empty());
        while self.parts.pop_if(is_empty).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_empty_stays_but_items() {
        let mut parts = Parts::default();
        for tag in [Tag::Quote, Tag::Paragraph, Tag::Strong] {
            parts.open(tag);
        }
        parts.text();
        parts.close();
        parts.break_line();
        parts.close();
        parts.close();
        assert_eq!(parts.finish(), []);

        let mut parts = Parts::default();
        parts.open(Tag::List(None));
        parts.open(Tag::Item);
        assert_eq!(parts.finish().len(), 4);
    }

    #[test]
    fn two_breaks_begin_a_paragraph_only_where_one_can_end() {
        let broken = |tag: Tag| {
            let mut parts = Parts::default();
            parts.open(tag);
            parts.text().push_str("a ");
            for _ in 0..4 {
                parts.break_line();
            }
            parts.text().push('b');
            parts.finish()
        };
        let text = |text: &str| Part::Text(text.to_owned());
        let (open, close) = (Part::Open(Tag::Paragraph), Part::Close(Tag::Paragraph));
        assert_eq!(
            broken(Tag::Paragraph),
            [
                open.clone(),
                text("a"),
                close.clone(),
                open,
                text("b"),
                close
            ]
        );
        assert_eq!(
            broken(Tag::Heading)[1..5],
            [text("a"), Part::Break, Part::Break, text("b")]
        );
    }

    #[test]
    fn spaces_are_dropped_from_the_line_not_from_the_one_before() {
        let mut parts = Parts::default();
        parts.open(Tag::Paragraph);
        parts.text().push_str("a  ");
        parts.open(Tag::Strong);
        parts.text().push_str("  ");
        parts.trim_spaces();
        parts.close();
        assert_eq!(parts.parts[1..], [Part::Text("a".to_owned())]);
    }
}
