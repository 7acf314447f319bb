//! Anything is written in time that grows with its length, without a deep stack.

use super::markup::assert_well_formed;
use super::*;

/// Of one piece repeated: enough that what takes its square takes minutes.
const LONG: usize = 1 << 17;
const MEGABYTE: usize = 1 << 20;

const REPEATED: &[&str] = &[
    "a",
    "^",
    "^ ",
    "> ",
    "* ",
    "- ",
    "1. ",
    "• ",
    "* a\n",
    "^ a\n",
    "^* ",
    "# ",
    "\n",
    "\n\n",
    " ",
    "    ",
    "\t",
    "[",
    "]",
    "](",
    "[a](",
    "[a](b)",
    "![",
    "![[]()",
    "(",
    "*",
    "**",
    "*a ",
    "*a **b ",
    "_",
    "a_",
    "*_",
    "`",
    "`a",
    "``` ",
    "~~~\n",
    "<",
    "<a",
    "<a ",
    "<!--",
    "<?",
    "<![CDATA[",
    "<https://",
    "</",
    "&",
    "&amp;",
    "&#",
    "\\",
    "\\\n",
    "|",
    "|-",
    "a|b\n-|-\n",
    "---\n",
    "a\n---\n",
    "a\n===\n",
    "https://",
    "https://a",
    "https://@",
    "https://a)",
    "https://a. ",
    "h",
    "://",
    "@",
    "a@",
    "a@b.c",
    "a@b.c ",
    "mailto:",
    ".",
    " .",
    " , ",
    "\" ",
    "'",
    " - ",
    "[[en]]",
    "[[en]][[/en]]",
    "[[",
    "[a]: b\n",
    "[a]\n",
    "[a]: ",
    "((",
    "((v))",
    "((v)) ",
    "[a]((v))",
    "((v))\n",
    "((u))",
    "[a](((u)))",
    "((l))",
    "* ((l))",
    "((y??a))",
    "((gone))",
    "((y??[[fr]]))",
    "\u{fdd0}",
    "\u{202e}",
    "é",
    "\0",
];

const BODY: &str = "Hi ((v)) [a]((v)) [b](https://a.example/((v)))";

#[test]
fn a_template_of_one_piece_is_written() {
    let values = json!({"v": "", "u": "https://a.example", "l": ["*", "-"], "y": "yes"});
    for piece in REPEATED {
        let body = piece.repeat(LONG / piece.len());
        let message = written("", &body, &values);
        assert_well_formed(&message.html);
    }
}

#[test]
fn a_value_of_one_piece_is_written() {
    for piece in REPEATED {
        let value = piece.repeat(LONG / piece.len());
        assert_well_formed(&written("", BODY, &json!({"v": value})).html);
    }
}

#[test]
fn a_megabyte_of_everything_is_written() {
    let pieces: String = REPEATED.iter().map(|piece| piece.repeat(9)).collect();
    let all = pieces.repeat(MEGABYTE / pieces.len());
    let of_template = written("", &all, &json!({"v": "x"}));
    let of_value = written("", BODY, &json!({"v": all}));
    for message in [of_template, of_value] {
        assert!(message.text.len() > MEGABYTE / 4);
        assert_well_formed(&message.html);
    }
}

#[test]
fn lists_as_deep_as_a_megabyte_allows_are_written() {
    let steps = (0..1_400).map(|depth| format!("{}* a\n", " ".repeat(depth)));
    let body: String = steps.chain(["\n".repeat(1_000), "b".to_owned()]).collect();
    assert_well_formed(&written("", &body, &json!({})).html);
}
