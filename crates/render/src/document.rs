//! An e-mail's body as a sequence of parts: what both writers, HTML and plain text, read.
//!
//! Opening and closing parts always balance, and no tag is nested deeper than
//! [`crate::markdown`] allows.

/// A step through the body, in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Open(Tag),
    Close(Tag),
    /// Text as it is read; nothing in it is markup.
    Text(String),
    /// The next line of the same block.
    Break,
    Rule,
}

/// What a stretch of the body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tag {
    Paragraph,
    Heading,
    Subheading,
    Quote,
    /// Numbered from this number on, or bulleted.
    List(Option<u64>),
    Item,
    Strong,
    Emphasis,
    /// To a URL whose scheme is allowed, percent-encoded where it must be.
    Link(String),
    Section(Section),
}

/// A stretch in a language or direction of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    English,
    French,
    RightToLeft,
}

impl Tag {
    /// Whether it runs inside a line of text.
    pub(crate) const fn is_inline(&self) -> bool {
        matches!(self, Self::Strong | Self::Emphasis | Self::Link(_))
    }
}
