//! Reads just enough HTML to say which markup there is.

use std::collections::BTreeMap;

/// The tags of a document that we wrote, in order: text and attributes have no `<` or `>`.
pub(super) fn tags(html: &str) -> Vec<&str> {
    let tag = |piece: &'_ str| piece.find('>').expect("a tag ends") + 1;
    let starts = html.match_indices('<').map(|(at, _)| &html[at..]);
    starts.map(|from| &from[..tag(from)]).collect()
}

/// How often each tag occurs. Of a link only the scheme counts, as its address may be a value.
pub(super) fn counted(html: &str) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for tag in tags(html) {
        let kind = match tag.strip_prefix("<a href=\"") {
            Some(link) => {
                let (url, rest) = link.split_once('"').unwrap();
                assert_eq!(rest, " style=\"word-wrap: break-word;\">");
                let scheme = url.split(':').next().unwrap().to_lowercase();
                format!("<a href={}>", scheme.replace("https", "http"))
            }
            None => tag.to_owned(),
        };
        *counted.entry(kind).or_default() += 1;
    }
    counted
}

/// Fails unless every element ends inside the one it began in, and every `&` begins a reference.
pub(super) fn assert_well_formed(html: &str) {
    let mut open = Vec::new();
    for tag in tags(html) {
        assert!(!tag[1..].contains('<'), "{tag}");
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.trim_matches(|c| "</>".contains(c));
        let name = name.split(' ').next().unwrap();
        if tag.starts_with("</") {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.starts_with("<!") && !tag.ends_with("/>") {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for (at, _) in html.match_indices('&') {
        let end = html[at..].find(';').expect("a reference ends");
        let name = &html[at + 1..at + end];
        let is_number = name.starts_with('#') && name[1..].bytes().all(|b| b.is_ascii_digit());
        assert!(
            is_number || ["amp", "lt", "gt", "quot"].contains(&name),
            "{name}"
        );
    }
}

/// What a reader sees, with references resolved.
pub(super) fn text(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
    }
    for (reference, c) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
    ] {
        text = text.replace(reference, c);
    }
    text.replace("&amp;", "&")
}
