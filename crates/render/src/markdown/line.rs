//! Rewrites the lines of the dialect into the lines that Markdown has for the same.
//!
//! `^` begins a quotation and `•` a bullet, while `>`, `+` and `1)` begin nothing. HTML is text.
//! Characters of Markdown inside bare web addresses are part of the address.

use super::MAX_DEPTH;
use super::target::SCHEMES;
use crate::stand_in::literal;

/// The text as Markdown, its line ends as `\n`.
pub(super) fn rewrite(text: &str) -> String {
    let mut markdown = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(end) = rest.find(['\n', '\r']) {
        rewrite_line(&rest[..end], &mut markdown);
        markdown.push('\n');
        let len = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + len..];
    }
    rewrite_line(rest, &mut markdown);
    markdown
}

fn rewrite_line(line: &str, markdown: &mut String) {
    let mut rest = line;
    let mut depth = 0;
    loop {
        let text = rest.trim_start_matches([' ', '\t']);
        markdown.push_str(&rest[..rest.len() - text.len()]);
        rest = text;
        let Some((marker, after)) = marker(text).filter(|_| depth < MAX_DEPTH) else {
            break;
        };
        markdown.push_str(marker);
        rest = after;
        depth += 1;
    }
    if let Some(at) = foreign_marker(rest, depth) {
        markdown.push_str(&rest[..at]);
        markdown.push(literal(char::from(rest.as_bytes()[at])));
        rest = &rest[at + 1..];
    }
    rewrite_inside(rest, markdown);
}

/// Where in a text that begins with no marker of ours Markdown would find one of its own.
fn foreign_marker(text: &str, depth: usize) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_marker = match text.as_bytes().get(digits)? {
        b'>' | b'+' => digits == 0,
        b')' => digits > 0,
        b'*' | b'-' => digits == 0 && depth == MAX_DEPTH,
        b'.' => digits > 0 && depth == MAX_DEPTH,
        _ => false,
    };
    is_marker.then_some(digits)
}

/// The marker that a text begins with, as Markdown has it, and what follows.
fn marker(text: &str) -> Option<(&str, &str)> {
    if let Some(after) = text.strip_prefix('^') {
        return Some((">", after));
    }
    if let Some(after) = text.strip_prefix('•') {
        return Some(("* ", after.trim_start_matches([' ', '\t'])));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_marker = match text.as_bytes().get(digits)? {
        b'*' | b'-' => digits == 0,
        b'.' => digits > 0,
        _ => false,
    };
    if !is_marker {
        return None;
    }
    let (marker, after) = text.split_at(digits + 1);
    match after.as_bytes().first() {
        // All bullets are one kind, or a change of them would begin another list.
        Some(b' ' | b'\t') if marker == "-" => Some(("*", after)),
        Some(b' ' | b'\t') | None => Some((marker, after)),
        Some(_) => None,
    }
}

fn rewrite_inside(text: &str, markdown: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['<', 'h', 'H']) {
        markdown.push_str(&rest[..at]);
        rest = &rest[at..];
        let len = if let Some(inside) = rest.strip_prefix('<') {
            match bracketed(inside) {
                Some(address) => {
                    markdown.push_str(&rest[..address + 2]);
                    address + 2
                }
                None => {
                    markdown.push(literal('<'));
                    1
                }
            }
        } else {
            let address = address(rest);
            let inside = address.trim_end_matches(|c| "*_.,;:!?'".contains(c));
            let is_markup = |c| matches!(c, '*' | '_');
            let keep = |c| if is_markup(c) { literal(c) } else { c };
            markdown.extend(inside.chars().map(keep));
            markdown.push_str(&address[inside.len()..]);
            if address.is_empty() {
                markdown.push_str(&rest[..1]);
            }
            address.len().max(1)
        };
        rest = &rest[len..];
    }
    markdown.push_str(rest);
}

/// Length of the address between `<` and `>`; `None` if there is none.
fn bracketed(inside: &str) -> Option<usize> {
    let end = inside.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>'))?;
    let name = inside[..end].find(|c: char| !c.is_ascii_alphanumeric())?;
    let is_address = match &inside[name..end] {
        rest if rest.starts_with(':') => SCHEMES.contains(&&*inside[..name].to_ascii_lowercase()),
        rest => name > 0 && rest.contains('@'),
    };
    (is_address && inside[end..].starts_with('>')).then_some(end)
}

/// The bare web address that a text begins with, or nothing.
fn address(text: &str) -> &str {
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !is_web {
        return "";
    }
    let ends = |c: char| c.is_whitespace() || "<>()[]\"`\\".contains(c);
    &text[..text.find(ends).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Markdown, with `\` before every literal.
    fn rewritten(text: &str) -> String {
        let mut shown = rewrite(text);
        for c in "<>*_-+.)".chars() {
            shown = shown.replace(literal(c), &format!("\\{c}"));
        }
        shown
    }

    #[test]
    fn markers_become_those_of_markdown() {
        assert_eq!(
            rewritten("^ a\r\n^b\r• c\n  •d\n* ^ e\n- f\n---\n-"),
            "> a\n>b\n* c\n  * d\n* > e\n* f\n---\n-"
        );
    }

    #[test]
    fn what_is_no_marker_here_is_text() {
        assert_eq!(
            rewritten("> a\n+ b\n1) c\n* > d\n2. + e\n+1 613"),
            "\\> a\n\\+ b\n1\\) c\n* \\> d\n2. \\+ e\n\\+1 613"
        );
    }

    #[test]
    fn markers_beyond_the_greatest_depth_are_text() {
        assert_eq!(rewritten(&"^".repeat(12)), format!("{}^^", ">".repeat(10)));
    }

    #[test]
    fn html_is_text_and_addresses_in_angle_brackets_are_not() {
        assert_eq!(
            rewritten("<b>x</b> <https://a.example/*b*> <a@b.example> <!-- <"),
            "\\<b>x\\</b> <https://a.example/*b*> <a@b.example> \\<!-- \\<"
        );
    }

    #[test]
    fn bare_addresses_keep_their_characters_and_lose_closing_markup() {
        assert_eq!(
            rewritten("**http://a.example/*b*/_c_**. HTTPS://x_y_ h"),
            "**http://a.example/\\*b\\*/\\_c_**. HTTPS://x\\_y_ h"
        );
        assert_eq!(
            rewritten("[*a*](http://b.example/_c)*d* hh"),
            "[*a*](http://b.example/\\_c)*d* hh"
        );
    }
}
