//! Writes a body as HTML.
//!
//! Every element and attribute is written here; all else is escaped text. Styles stand in the
//! elements, for mail clients drop style sheets. Colours of text and background are left to the
//! client, so that dark mode works.

use crate::document::{Part, Section, Tag};

/// The element, its attributes and its style.
type Element = (&'static str, &'static str, &'static str);

const TEXT: &str = "margin: 0 0 20px 0; font-size: 19px; line-height: 25px;";

/// The body as a fragment of XHTML.
pub(crate) fn write(parts: &[Part]) -> String {
    let mut html = String::new();
    for part in parts {
        match part {
            Part::Open(tag) => open(tag, &mut html),
            Part::Close(tag) => {
                html.push_str("</");
                html.push_str(element(tag).0);
                html.push('>');
                if !tag.is_inline() {
                    html.push('\n');
                }
            }
            Part::Text(text) => escape(text, &mut html),
            Part::Break => html.push_str("<br />"),
            Part::Rule => html.push_str(
                "<hr style=\"margin: 30px 0; border: 0; border-top: 1px solid #8a929a;\" />\n",
            ),
        }
    }
    html
}

const fn element(tag: &Tag) -> Element {
    match tag {
        Tag::Paragraph => ("p", "", TEXT),
        Tag::Heading => (
            "h2",
            "",
            "margin: 0 0 15px 0; font-size: 27px; line-height: 35px; font-weight: bold;",
        ),
        Tag::Subheading => (
            "h3",
            "",
            "margin: 0 0 15px 0; font-size: 21px; line-height: 27px; font-weight: bold;",
        ),
        Tag::Quote => (
            "blockquote",
            "",
            "margin: 0 0 20px 0; padding: 15px 15px 1px 15px; border-left: 8px solid #8a929a;",
        ),
        Tag::List(None) => ("ul", "", "margin: 0 0 20px 0; padding: 0 0 0 24px;"),
        Tag::List(Some(_)) => ("ol", "", "margin: 0 0 20px 0; padding: 0 0 0 32px;"),
        Tag::Item => (
            "li",
            "",
            "margin: 5px 0; padding: 0; font-size: 19px; line-height: 25px;",
        ),
        Tag::Strong => ("strong", "", ""),
        Tag::Emphasis => ("em", "", ""),
        Tag::Link(_) => ("a", "", "word-wrap: break-word;"),
        Tag::Section(Section::English) => ("div", "lang=\"en\"", ""),
        Tag::Section(Section::French) => ("div", "lang=\"fr\"", ""),
        Tag::Section(Section::RightToLeft) => ("div", "dir=\"rtl\"", ""),
    }
}

fn open(tag: &Tag, html: &mut String) {
    let (name, attributes, style) = element(tag);
    html.push('<');
    html.push_str(name);
    if !attributes.is_empty() {
        html.push(' ');
        html.push_str(attributes);
    }
    match tag {
        Tag::Link(url) => {
            html.push_str(" href=\"");
            escape(url, html);
            html.push('"');
        }
        Tag::List(Some(first)) if *first != 1 => {
            html.push_str(" start=\"");
            html.push_str(&first.to_string());
            html.push('"');
        }
        _ => {}
    }
    if !style.is_empty() {
        html.push_str(" style=\"");
        html.push_str(style);
        html.push('"');
    }
    html.push('>');
    if matches!(tag, Tag::List(_) | Tag::Quote | Tag::Section(_)) {
        html.push('\n');
    }
}

/// Writes text so that it is nothing but text, in elements and in quoted attributes.
fn escape(text: &str, html: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        html.push_str(&rest[..at]);
        html.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    html.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_addresses_are_escaped() {
        let hostile = "<a href=\"x\">'&amp;'";
        let mut html = String::new();
        escape(hostile, &mut html);
        assert_eq!(html, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;");

        let link = Tag::Link("https://a.example/?b&c".to_owned());
        assert_eq!(
            write(&[Part::Open(link.clone()), Part::Close(link)]),
            "<a href=\"https://a.example/?b&amp;c\" style=\"word-wrap: break-word;\"></a>"
        );
    }

    #[test]
    fn a_list_is_numbered_from_where_its_author_began() {
        assert!(write(&[Part::Open(Tag::List(Some(1)))]).starts_with("<ol style"));
        assert!(write(&[Part::Open(Tag::List(Some(7)))]).starts_with("<ol start=\"7\" "));
    }
}
