//! Finds `[[en]]…[[/en]]`, `[[fr]]…[[/fr]]` and `[[rtl]]…[[/rtl]]`.
//!
//! A section's text is parsed on its own: a tag ends whatever block it stands in.

use super::MAX_DEPTH;
use crate::document::Section;

const TAGS: [(&str, Section, Step); 6] = [
    ("[[en]]", Section::English, Step::Open),
    ("[[/en]]", Section::English, Step::Close),
    ("[[fr]]", Section::French, Step::Open),
    ("[[/fr]]", Section::French, Step::Close),
    ("[[rtl]]", Section::RightToLeft, Step::Open),
    ("[[/rtl]]", Section::RightToLeft, Step::Close),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Open,
    Close,
}

/// A stretch of the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk<'a> {
    Open(Section),
    Close(Section),
    Markdown(&'a str),
}

/// The body cut at its tags; whole if they do not balance, or nest too deeply.
pub(super) fn split(markdown: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let mut open = Vec::new();
    let mut rest = markdown;
    while let Some((before, section, step, after)) = next_tag(rest) {
        chunks.push(Chunk::Markdown(before));
        match step {
            Step::Open => {
                open.push(section);
                chunks.push(Chunk::Open(section));
            }
            Step::Close if open.pop() == Some(section) => chunks.push(Chunk::Close(section)),
            Step::Close => return vec![Chunk::Markdown(markdown)],
        }
        if open.len() > MAX_DEPTH {
            break;
        }
        rest = after;
    }
    if !open.is_empty() {
        return vec![Chunk::Markdown(markdown)];
    }
    chunks.push(Chunk::Markdown(rest));
    chunks
}

/// The text before the next tag, the tag, and the text after it.
fn next_tag(text: &str) -> Option<(&str, Section, Step, &str)> {
    text.match_indices("[[").find_map(|(at, _)| {
        let (before, from) = text.split_at(at);
        TAGS.iter().find_map(|(tag, section, step)| {
            let after = from.strip_prefix(tag)?;
            Some((before, *section, *step, after))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_tags_cut_the_text() {
        use Section::{English, RightToLeft};
        assert_eq!(
            split("a[[en]]b[[rtl]]c[[/rtl]][[x]][[/en]]"),
            [
                Chunk::Markdown("a"),
                Chunk::Open(English),
                Chunk::Markdown("b"),
                Chunk::Open(RightToLeft),
                Chunk::Markdown("c"),
                Chunk::Close(RightToLeft),
                Chunk::Markdown("[[x]]"),
                Chunk::Close(English),
                Chunk::Markdown(""),
            ]
        );
    }

    #[test]
    fn unbalanced_tags_are_text() {
        let deep = "[[en]]".repeat(11) + &"[[/en]]".repeat(11);
        for text in [
            "[[en]]a",
            "a[[/en]]",
            "[[en]][[fr]]a[[/en]][[/fr]]",
            "[[EN]]a[[/EN]]",
            &deep,
        ] {
            assert_eq!(split(text), [Chunk::Markdown(text)]);
        }
    }
}
