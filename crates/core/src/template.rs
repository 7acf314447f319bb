//! Templates: text with `((name))` and `((condition??text))` in it (spec/dataflow.md §6 rule 1).
//!
//! A marker is two opening parentheses, a body without parentheses, two closing ones. Whatever is
//! not quite that is text: a template never fails to parse, its author sees the odd spot in the
//! preview.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use crate::channel::Channel;
use crate::personalisation::{self, Personalisation, comparable_name};

/// Values that make a conditional show its text, in lower case.
const YES: [&str; 11] = [
    "yes", "y", "true", "t", "1", "include", "show", "oui", "vrai", "inclure", "afficher",
];

/// A template's text, parsed once per version. Written out it is the text again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    segments: Vec<Segment>,
    placeholders: Vec<String>,
}

/// A piece of a template. Names are as written, spaces included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Sent as it is.
    Text(String),
    /// `((name))`: the value of this name.
    Value {
        /// Of the value.
        name: String,
    },
    /// `((name??text))`: the text, if the value of this name [says so](shows).
    Conditional {
        /// Of the value that decides.
        name: String,
        /// Shown literally: markers in values are never looked for.
        text: String,
    },
}

impl Template {
    /// Parses a text; every text is a template.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut segments = Vec::new();
        let mut taken = 0;
        let mut from = 0;
        while let Some(open) = text[from..].find("((").map(|at| from + at) {
            let body = open + 2;
            let Some(close) = text[body..].find(['(', ')']).map(|at| body + at) else {
                break;
            };
            if text[close..].starts_with('(') {
                // Of three or more opening parentheses the last two count.
                from = if close == body { open + 1 } else { close };
                continue;
            }
            from = close + 1;
            if !text[from..].starts_with(')') {
                continue;
            }
            if let Some(marker) = Segment::from_body(&text[body..close]) {
                from += 1;
                if taken < open {
                    segments.push(Segment::Text(text[taken..open].to_owned()));
                }
                segments.push(marker);
                taken = from;
            }
        }
        if taken < text.len() {
            segments.push(Segment::Text(text[taken..].to_owned()));
        }
        let placeholders = placeholders(&segments);
        Self {
            segments,
            placeholders,
        }
    }

    /// The pieces in order, for rendering.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Names of the values wanted, in the order and spelling of their first use.
    #[must_use]
    pub fn placeholders(&self) -> &[String] {
        &self.placeholders
    }

    /// Names of the wanted values that are not there, in the order of [`Template::placeholders`].
    #[must_use]
    pub fn missing(&self, values: &Personalisation) -> Vec<String> {
        let is_missing = |name: &&String| values.get(name).is_none();
        self.placeholders
            .iter()
            .filter(is_missing)
            .cloned()
            .collect()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| segment.fmt(f))
    }
}

impl Segment {
    fn from_body(body: &str) -> Option<Self> {
        let marker = match body.split_once("??") {
            Some((name, text)) => Self::Conditional {
                name: name.to_owned(),
                text: text.to_owned(),
            },
            None => Self::Value {
                name: body.to_owned(),
            },
        };
        // `(( ))` and `((_))` could never be given a value.
        let is_named = marker
            .name()
            .is_some_and(|name| !comparable_name(name).is_empty());
        is_named.then_some(marker)
    }

    /// Name of the value this piece depends on.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Value { name } | Self::Conditional { name, .. } => Some(name),
        }
    }
}

impl fmt::Display for Segment {
    /// The piece as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Value { name } => write!(f, "(({name}))"),
            Self::Conditional { name, text } => write!(f, "(({name}??{text}))"),
        }
    }
}

/// Whether a value makes a conditional show its text: yes, in English or French.
#[must_use]
pub fn shows(value: &Value) -> bool {
    let text = personalisation::text(value).trim().to_lowercase();
    YES.contains(&text.as_str())
}

fn placeholders(segments: &[Segment]) -> Vec<String> {
    let mut seen = HashSet::new();
    segments
        .iter()
        .filter_map(Segment::name)
        .filter(|name| seen.insert(comparable_name(name)))
        .map(|name| name.trim().to_owned())
        .collect()
}

/// What is wrong with a template's texts: (field, what is wrong and what is allowed).
#[must_use]
pub fn check_texts(
    channel: Channel,
    subject: Option<&str>,
    body: &str,
) -> Vec<(&'static str, String)> {
    let mut violations = Vec::new();
    match (channel, subject) {
        (Channel::Email, None) => {
            violations.push(("subject", "is needed for an e-mail".to_owned()));
        }
        (Channel::Email, Some(text)) if text.trim().is_empty() => {
            violations.push(("subject", "must not be empty".to_owned()));
        }
        (Channel::Sms, Some(_)) => {
            violations.push(("subject", "a text message has none".to_owned()));
        }
        _ => {}
    }
    let n = body.chars().count();
    if body.trim().is_empty() {
        violations.push(("body", "must not be empty".to_owned()));
    } else if n > LONGEST_BODY {
        violations.push((
            "body",
            format!("must not exceed {LONGEST_BODY} characters; it has {n}"),
        ));
    }
    for (field, text) in [("subject", subject.unwrap_or_default()), ("body", body)] {
        if text.contains('\0') {
            violations.push((field, "must not contain NUL characters".to_owned()));
        }
    }
    violations
}

/// The most characters of a template's body (GC Notify's limit for e-mail).
const LONGEST_BODY: usize = 50_000;

#[cfg(test)]
mod tests;
