//! Values that try to be more than data.

use proptest::prelude::*;
use serde_json::json;

use super::markup::{assert_well_formed, counted, text};
use super::*;
use crate::markdown;

/// Bodies that put a value wherever one can stand.
const BODIES: [&str; 6] = [
    "Hi ((v)),\n\n# A ((v)) b\n## ((v))\n* item ((v))\n  1. ((v))\n^ quote ((v))\n\nEnd ((v))",
    "**((v))** *x((v))* `((v))` \"((v))\"((v))\n((v))\n    ((v))\n\n```\n((v))\n```\n- ((v))-",
    "[a]((v)) [b](((v))) [c](https://a.example/?t=((v))) [((v))](https://a.example) ![((v))](((v)))",
    "[d](mailto:((v))) [e](tel:((v))) [f](((v))://a.example) [g](java((v))) [h](https://((v)))",
    "<((v))> https://a.example/((v)) <https://a.example/((v))> x@((v)) ((v))@a.example &((v));",
    "[[fr]]((v))[[/fr]] [[((v))]]((v))[[/((v))]] ((v??**shown**)) \\((v)) | ((v)) |\n|---|\n| ((v)) |",
];

const VALUES: &[&str] = &[
    "<script>alert(1)</script>",
    "</p></td></table><script src=//evil.example></script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    " \u{1}javascript:alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "javascript://a.example/%0aalert(1)",
    "[x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "https://a.example/\"onclick=\"alert(1)",
    "https://a.example/' style='x",
    "https://good.example@evil.example/",
    "https://a.example/?a=1&b=2&lt;#c",
    "&lt;b&gt; &amp; &#60;i&#62; &quot;",
    "@evil.example/",
    "a@b.example?bcc=c@d.example&body=x",
    "**bold** __bold__ *it* _it_ ***",
    "# Heading\n## Heading\nTitle\n---\nTitle\n===",
    "* a\n* b\n  * c\n\n1. d\n   1. e\n\n- f\n• g",
    "^ quote\n> quote",
    "---",
    "[label](https://evil.example)",
    "](https://evil.example)",
    "[x]: https://evil.example",
    "![x](https://evil.example/pixel.png)",
    "[[en]]a[[/en]][[rtl]]b[[/rtl]]",
    "[[/fr]]",
    "((v))((other))((v??shown))",
    "\u{fdd0}0\u{fdd1}\u{fdd2}script\u{fdd3}",
    "\\",
    "\\*a\\* \\[b\\]\\(c\\)",
    "`code` ``` ~~~",
    "    indented\n\ttab",
    "| a | b |\n|---|---|\n| c | d |",
    "<!-- comment",
    "<![CDATA[ x ]]>",
    "a\0b\u{7f}\u{1b}[31m",
    "\u{202e}desrever\u{202c} \u{2066}x\u{2069}",
    "zero\u{200b}width\u{200d}\u{feff}",
    "******** (((((((( [[[[[[[[ ))))))))",
    "a , b . \"c\" - 'd'",
    "\r\n\r\n\u{2028}\u{2029}\u{85}x\r\r",
    "",
    " ",
];

fn body_html(body: &str, value: &Value) -> String {
    let values = Personalisation::stored(json!({"v": value}).as_object().cloned().unwrap());
    let parts = markdown::parse(&Filled::new(&Template::parse(body), &values));
    html::write(&parts)
}

/// Whether the tag may come from a value: a line, a paragraph or a link to the web.
fn is_harmless(tag: &str) -> bool {
    ["<p ", "</p>", "<br />", "<a href=http>", "</a>"]
        .iter()
        .any(|allowed| tag.starts_with(allowed))
}

/// Fails if a value brings markup that a harmless one does not, other than links to the web
/// addresses that it shows, lines and paragraphs.
fn assert_inert(body: &str, value: &Value, harmless: &Value) {
    let html = body_html(body, value);
    assert_well_formed(&html);
    let of_author = counted(&body_html(body, harmless));
    for (tag, count) in counted(&html) {
        let allowed = of_author.get(&tag).copied().unwrap_or_default();
        assert!(
            is_harmless(&tag) || count <= allowed,
            "{tag} of {value} in {body}: {html}"
        );
    }
    for link in html.split("<a href=\"").skip(1) {
        let scheme = link.split(':').next().unwrap();
        let schemes = ["http", "https", "mailto", "tel"];
        assert!(schemes.contains(&&*scheme.to_lowercase()), "{link}");
    }
}

/// A value may take its author's markup away, as one that says no or is no address does. So what
/// it is compared with says yes and is fit for every link.
fn assert_inert_anywhere(value: &str) {
    for body in BODIES {
        assert_inert(body, &json!(value), &json!("1"));
        assert_inert(body, &json!([value, value]), &json!(["1", "1"]));
    }
}

#[test]
fn hostile_values_are_inert() {
    for value in VALUES {
        assert_inert_anywhere(value);
    }
}

#[test]
fn hostile_values_read_as_they_are() {
    let shown: Vec<_> = VALUES
        .iter()
        .map(|value| {
            let html = body_html("[((v))]", &json!(value));
            format!("{value:?}\n    {}", html.trim_end().replace('\n', "\n    "))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn the_layout_holds_whatever_the_values() {
    let of_layout = |html: &str| {
        let mut tags = counted(html);
        tags.retain(|tag, _| !is_harmless(tag));
        tags
    };
    let harmless = written("1", "1", &json!({}));
    for value in VALUES {
        let message = written("((v))", "((v))", &json!({"v": value}));
        assert_well_formed(&message.html);
        assert_eq!(of_layout(&message.html), of_layout(&harmless.html));
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => proptest::sample::select(VALUES).prop_map(str::to_owned),
        2 => "[-*_#^•+>|`~\\[\\]()<&;:/@!\"'., \t\n\\\\a-c0-2]{1,12}",
        1 => any::<String>(),
        1 => "(https?://|HTTP://)[a-z@:/?#&=.()'\"*_-]{0,12}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_value_becomes_markup(value in pieces()) {
        assert_inert_anywhere(&value);
    }

    #[test]
    fn every_template_is_written_and_well_formed(
        template in prop::collection::vec(
            prop_oneof![pieces(), proptest::sample::select(&BODIES[..]).prop_map(str::to_owned)],
            0..4,
        ),
        value in pieces(),
    ) {
        let message = written("((v))", &template.concat(), &json!({"v": value}));
        assert_well_formed(&message.html);
    }

    #[test]
    fn both_parts_say_the_same(body in pieces(), value in pieces()) {
        let values = json!({"v": value}).as_object().cloned().unwrap();
        let body = format!("{body} ((v)) {body}");
        let parts = markdown::parse(&Filled::new(&Template::parse(&body), &values.into()));
        // The plain text part adds numbers, bullets and the addresses of links.
        let plain = plain::write(&parts);
        let mut plain = plain.chars();
        for c in text(&html::write(&parts)).chars().filter(|c| !c.is_whitespace()) {
            prop_assert!(plain.any(|other| other == c), "{c} of {body:?}");
        }
    }
}
