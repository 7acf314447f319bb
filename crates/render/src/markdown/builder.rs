//! Turns the parser's events into parts, with values in their places.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag as Markdown};

use super::MAX_DEPTH;
use super::parts::Parts;
use super::run::{Origin, Run};
use super::target;
use super::typography::Typography;
use crate::document::Tag;
use crate::stand_in::{Filled, Piece};

pub(super) struct Builder<'a> {
    pub(super) parts: Parts,
    filled: &'a Filled,
    /// Text that is not yet in the parts.
    run: Run,
    typography: Typography,
    starts: Vec<Start>,
}

/// What a start of the parser's became.
#[derive(Clone, Copy)]
struct Start {
    /// Else what is in it is shown without it.
    is_open: bool,
    /// Its text is shown exactly.
    is_code: bool,
    /// A rule follows.
    is_underlined: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(filled: &'a Filled) -> Self {
        Self {
            parts: Parts::default(),
            filled,
            run: Run::default(),
            typography: Typography::default(),
            starts: Vec::new(),
        }
    }

    /// Adds a stretch of Markdown.
    pub(super) fn read(&mut self, markdown: &str) {
        for (event, range) in Parser::new_ext(markdown, Options::empty()).into_offset_iter() {
            match event {
                Event::Start(tag) => {
                    self.flush();
                    let start = self.start(&tag, markdown[range].trim_start());
                    self.starts.push(start);
                }
                Event::End(_) => {
                    self.flush();
                    self.end();
                }
                Event::Code(text) => self.push(Origin::Exact, &text),
                Event::Text(text) if self.starts.last().is_some_and(|start| start.is_code) => {
                    self.push(Origin::Exact, &text);
                }
                Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                    self.push(Origin::Author, &text);
                }
                Event::SoftBreak | Event::HardBreak => {
                    self.flush();
                    self.break_line();
                }
                Event::Rule => self.parts.rule(),
                // None of the extensions is on.
                Event::FootnoteReference(_)
                | Event::TaskListMarker(_)
                | Event::InlineMath(_)
                | Event::DisplayMath(_) => {}
            }
        }
    }

    fn start(&mut self, tag: &Markdown<'_>, source: &str) -> Start {
        // Markdown takes a line of `-` below a paragraph for the underline of a heading.
        let is_underlined = matches!(
            tag,
            Markdown::Heading {
                level: HeadingLevel::H2,
                ..
            }
        ) && !source.starts_with('#');
        Start {
            is_open: self.open(tag, source.starts_with('#')),
            is_code: matches!(tag, Markdown::CodeBlock(_)),
            is_underlined,
        }
    }

    fn end(&mut self) {
        let Some(start) = self.starts.pop() else {
            return;
        };
        if start.is_open {
            self.close();
        }
        if start.is_underlined {
            self.parts.rule();
        }
    }

    /// Whether the tag is one of ours and there is room for it.
    fn open(&mut self, tag: &Markdown<'_>, is_hashed: bool) -> bool {
        match tag {
            Markdown::Heading {
                level: HeadingLevel::H1,
                ..
            } if is_hashed => self.block(Tag::Heading),
            Markdown::Heading {
                level: HeadingLevel::H2,
                ..
            } if is_hashed => self.block(Tag::Subheading),
            Markdown::Paragraph
            | Markdown::Heading { .. }
            | Markdown::CodeBlock(_)
            | Markdown::HtmlBlock => self.paragraph(),
            Markdown::BlockQuote(_) => self.has_room() && self.block(Tag::Quote),
            Markdown::List(first) => self.has_room() && self.block(Tag::List(*first)),
            Markdown::Item if matches!(self.parts.inside(), Some(Tag::List(_))) => {
                self.block(Tag::Item)
            }
            Markdown::Item => {
                self.break_line();
                false
            }
            Markdown::Strong => self.mark(Tag::Strong),
            Markdown::Emphasis => self.mark(Tag::Emphasis),
            Markdown::Link {
                link_type,
                dest_url,
                ..
            } => {
                let scheme = match link_type {
                    LinkType::Email => "mailto:",
                    _ => "",
                };
                let pieces = self.filled.pieces(dest_url);
                let url = target::resolve(std::iter::once(Piece::Author(scheme)).chain(pieces));
                url.is_some_and(|url| self.mark(Tag::Link(url)))
            }
            // Of an image its description is shown; tables and the like are not read as such.
            _ => false,
        }
    }

    fn close(&mut self) {
        if self.parts.inside().is_some_and(|tag| !tag.is_inline()) {
            self.typography = Typography::default();
        }
        self.parts.close();
    }

    fn has_room(&self) -> bool {
        let depth = self
            .parts
            .depth(|tag| matches!(tag, Tag::Quote | Tag::List(_)));
        depth < MAX_DEPTH
    }

    fn block(&mut self, tag: Tag) -> bool {
        self.typography = Typography::default();
        self.parts.open(tag);
        true
    }

    /// An item's paragraphs are lines of it, whether or not there are blank lines in its list.
    fn paragraph(&mut self) -> bool {
        if self.parts.inside() != Some(&Tag::Item) {
            return self.block(Tag::Paragraph);
        }
        self.break_line();
        self.break_line();
        false
    }

    fn mark(&mut self, tag: Tag) -> bool {
        let is_link = |tag: &Tag| matches!(tag, Tag::Link(_));
        let is_nested_link = is_link(&tag) && self.parts.depth(is_link) > 0;
        let has_room = !is_nested_link && self.parts.depth(Tag::is_inline) < MAX_DEPTH;
        if has_room {
            self.parts.open(tag);
        }
        has_room
    }

    fn break_line(&mut self) {
        self.typography = Typography::default();
        self.parts.break_line();
    }

    fn push(&mut self, origin: Origin, text: &str) {
        for piece in self.filled.pieces(text) {
            match piece {
                Piece::Author(text) => self.run.push(origin, text),
                Piece::Literal(c) => self.run.push(origin, c.encode_utf8(&mut [0; 4])),
                Piece::Value(text) => self.run.push(Origin::Exact, text),
            }
        }
    }

    /// Moves the run into the parts: addresses as links, the rest as text.
    fn flush(&mut self) {
        let run = std::mem::take(&mut self.run);
        let is_linked = self.parts.depth(|tag| matches!(tag, Tag::Link(_))) > 0;
        let mut from = 0;
        for address in run.addresses() {
            self.write(&run, from..address.range.start);
            from = address.range.end;
            let text = &run.text[address.range];
            match address.href.filter(|_| !is_linked) {
                Some(href) => {
                    self.parts.open(Tag::Link(href));
                    self.write_exact(text);
                    self.parts.close();
                }
                None => self.write_exact(text),
            }
        }
        self.write(&run, from..run.text.len());
    }

    fn write(&mut self, run: &Run, part: Range<usize>) {
        for (stretch, origin) in run.stretches(part) {
            let mut start = stretch.start;
            for (nth, line) in run.text[stretch].split('\n').enumerate() {
                if nth > 0 {
                    self.break_line();
                }
                let end = start + line.len();
                match origin {
                    Origin::Author => {
                        self.typography
                            .write(&run.text, start..end, &mut self.parts);
                    }
                    Origin::Exact => self.write_exact(line),
                }
                start = end + 1;
            }
        }
    }

    fn write_exact(&mut self, text: &str) {
        if !text.is_empty() {
            self.parts.text().push_str(text);
            self.typography.pass(text);
        }
    }
}
