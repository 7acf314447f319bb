//! Reads the Markdown dialect of templates (spec/dataflow.md §6 rules 2 and 3; for authors:
//! `docs/templates.md`).
//!
//! Every step takes time in proportion to the text: sections are cut out, lines are rewritten to
//! CommonMark, `pulldown-cmark` parses them, and its events become a [`Part`] sequence in which
//! values are back in their places.

mod builder;
mod line;
mod parts;
mod run;
mod section;
mod target;
mod typography;

use crate::document::{Part, Tag};
use crate::stand_in::Filled;

use builder::Builder;
use section::Chunk;

/// How many quotations and lists, and how many marks inside a line, may be nested; deeper ones
/// are shown without.
const MAX_DEPTH: usize = 10;

/// The body's parts.
pub(crate) fn parse(filled: &Filled) -> Vec<Part> {
    let mut builder = Builder::new(filled);
    for chunk in section::split(&filled.markdown) {
        match chunk {
            Chunk::Open(section) => builder.parts.open(Tag::Section(section)),
            Chunk::Close(_) => builder.parts.close(),
            Chunk::Markdown(text) => builder.read(&line::rewrite(text)),
        }
    }
    builder.parts.finish()
}

#[cfg(test)]
mod tests;
