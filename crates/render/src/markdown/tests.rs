//! Each feature of the dialect, as HTML (without styles) and as plain text.

use carillon_core::personalisation::Personalisation;
use carillon_core::template::Template;
use serde_json::{Value, json};

use super::*;
use crate::{html, plain};

fn parts(body: &str, values: &Value) -> Vec<Part> {
    let values = Personalisation::stored(values.as_object().cloned().unwrap());
    parse(&Filled::new(&Template::parse(body), &values))
}

/// The HTML part and the plain text part.
fn written_with(body: &str, values: &Value) -> String {
    let parts = parts(body, values);
    let html = html::write(&parts);
    let mut bare = String::new();
    for (nth, piece) in html.split(" style=\"").enumerate() {
        let styled = if nth == 0 {
            Some(piece)
        } else {
            piece.split_once('"').map(|(_, rest)| rest)
        };
        bare.push_str(styled.unwrap());
    }
    format!("{bare}\n~~~\n{}", plain::write(&parts))
}

fn written(body: &str) -> String {
    written_with(body, &json!({}))
}

macro_rules! feature {
    ($name:ident, $body:expr) => {
        feature!($name, $body, json!({}));
    };
    ($name:ident, $body:expr, $values:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(written_with($body, &$values));
        }
    };
}

feature!(
    headings,
    "# One\ntext\n## Two #\n### Three *is* text\n\n#Four\n# ((e))",
    json!({"e": ""})
);
feature!(
    bullets,
    "You need:\n* a\n- b\n\ntext\n• c\n•d\n  • e\n    * f\n  * g\n* h\n\n  more of h\n\nend"
);
feature!(
    numbers,
    "3. three\n4. four\n   1. one\n   2. two\n      * deep\n\n1) no list\n+ nor this\n\n10. ten\n11. eleven"
);
feature!(
    quotes,
    "^ quoted\nstill quoted\n\n^# Heading\n^\n^ * a\n^ * b\n^\n^ end\n\n> not quoted"
);
feature!(rules, "a\n---\nb\n\n***\n\n* c\n---\nd\n===\ne");
feature!(
    links,
    "[label](https://a.example/b_c_d?e=*f*&g \"title\") [](https://h.example) \
     [https://i.example/](https://i.example/) [mail](mailto:a@b.example) [+1 613](tel:+1613) \
     [**bold** *label*](https://j.example/k%20l) [ref]\n\n[ref]: https://ref.example"
);
feature!(
    addresses,
    "See https://a.example/b_c_d/*e*?f=\"g\", **https://h.example/**. Or <https://i.example/?j=k&l>, \
     <m@n.example>, o@p.example, mailto:q@r.example; not www.s.example, ftp://t.example or <tag>."
);
feature!(
    targets_that_are_refused,
    "[a](javascript:alert(1)) [b](/relative) [c](//d.example) [e](www.f.example) \
     [g](data:text/html;base64,aGk=) <javascript:alert(1)> [h](ftp://i.example) [j]()"
);
feature!(
    marks,
    "**bold** __bold__ *it* _it_ ***both*** in**tra**word in_tra_word **open *crossed** x* \\*no\\*"
);
feature!(line_ends, "a\nb  \nc\\\nd\r\ne\rf\n\n\n\ng");
feature!(
    other_markdown_is_flattened,
    "![picture](https://a.example/b.png) `code \"here\" **x**` ~~struck~~\n\n\
     ```rust\nfn \"x\"() {}\n\n* y\n```\n\n    indented \"z\"\n\n| a | b |\n|---|---|\n| c | d |\n\n- [ ] task"
);
feature!(
    html_is_text,
    "<div class=\"a\">**b**</div>\n\n<script>c()</script>\n\n<!-- d -->\n\ne &amp; f &lt;g&gt; &copy; &unknown; <br/>"
);
feature!(
    sections,
    "[[en]]\n# Hello\n[[/en]]\n[[fr]]Bonjour *[[rtl]]*مرحبا[[/rtl]]\n* item\n[[/fr]]end"
);
feature!(sections_that_do_not_balance, "[[en]]\nHello [[/fr]]");
feature!(
    typography,
    "\"It's\" - **\"((v))\"** -- [\"x - y\"](https://a.example/'b'-'c') , **d** . \
     Write to o'neil@a.example or https://b.example/\"x' - `\"code\" , - `",
    json!({"v": "don't - \"touch\" , this"})
);
feature!(
    empty_values_leave_no_space_before_punctuation,
    "Dear ((name)), dear **((name))**, ((none))\n((none))\nend ((none))",
    json!({"name": "", "none": ""})
);
feature!(
    values,
    "Hi ((name)), **((name))**\n# ((name))\n* ((name))\n^ ((name))\n\n[((name))](https://a.example/?n=((name))) ((gone))",
    json!({"name": "*Ada* _L_\n# <b>((x))</b>"})
);
feature!(
    line_ends_of_values,
    "A\n((v))\nZ\n\n# ((v))\n* ((v))\n\n**((v))**",
    json!({"v": "\none\r\ntwo\n\n\n\nthree\n"})
);
feature!(
    lists_of_values,
    "You need ((l)) and\n((l))\nEnd ((none)). ((one))",
    json!({"l": ["*a*", "b\nc", 3, null, "* d"], "none": [], "one": ["x"]})
);
feature!(
    links_from_values,
    "[Reset]((u)) [Reset](((u))) ((u)) [x](((bad))) [y]((bad)) <((u))> https://b.example/?t=((t)). \
     [z](https://b.example/?t=((t))&u=((u)))",
    json!({
        "u": "https://a.example/r?t=a_b_c*d*&e=('f')",
        "bad": "javascript:alert(1)",
        "t": "x-\"y\" z)",
    })
);
feature!(
    conditionals,
    "((yes??# **Shown**))\n\n((no??hidden))x((yes?? https://a.example/))((yes??\n* a ))((gone??*g*))",
    json!({"yes": "yes", "no": "no"})
);

#[test]
fn nesting_has_an_end() {
    let deepest = |body: &str, element: &str| {
        let html = html::write(&parts(body, &json!({})));
        assert!(html.contains("end"), "{html}");
        html.matches(element).count()
    };
    assert_eq!(
        deepest(&format!("{} end", "^".repeat(50)), "<blockquote"),
        10
    );
    assert_eq!(deepest(&format!("{} end", "* ".repeat(50)), "<ul"), 10);
    let steps: String = (0..30)
        .map(|n| format!("{}* a\n", "  ".repeat(n)))
        .collect();
    assert_eq!(deepest(&format!("{steps} end"), "<ul"), 10);
    let marks = format!("{} end {}", "*a **b ".repeat(30), "c** d*".repeat(30));
    assert!(deepest(&marks, "<strong>") <= 10);
}

#[test]
fn deep_nesting_keeps_its_lines_apart() {
    let steps: String = (0..13)
        .map(|n| format!("{}* a{n}\n", "  ".repeat(n)))
        .collect();
    let text = plain::write(&parts(&steps, &json!({})));
    assert!(
        text.ends_with(
            "• a9\n                    a10\n                    a11\n                    a12"
        ),
        "{text}"
    );
}

#[test]
fn written_alike() {
    assert_eq!(written(""), "\n~~~\n");
    assert_eq!(written("a"), "<p>a</p>\n\n~~~\na");
}
