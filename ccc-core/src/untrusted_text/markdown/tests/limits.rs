//! Tests of texts that make careless parsers slow.

use super::super::{MAX_NESTING, displayed, document, nesting};
use super::check_unchanged;

/// Texts that make careless parsers slow: each is repeated to the wanted size.
const ADVERSARIAL: &[&str] = &[
    "[",
    "![",
    "](",
    "[a](",
    "[a]: ",
    "[a]: b\n",
    "[^a]",
    "[^a]: ",
    "*",
    "_",
    "*a_ ",
    "**a ",
    "<",
    "<!",
    "<!--",
    "<!-->",
    "<!-- -->",
    "<!-- a --!",
    "<?",
    "<?a>",
    "<![CDATA[",
    "<a ",
    "<a b='",
    "</",
    "</a",
    "<a b=",
    "<script>",
    "<template>",
    "<style></style>",
    "&",
    "&#",
    "&#8203;",
    "`",
    "` `` ",
    "> ",
    "\n> a",
    "- a\n",
    "- ",
    "1. ",
    "\n\n",
    "|",
    "|a",
    "|-",
    "| |\n",
    "\\",
    "~~",
    "~~~\n",
    "```\n",
    "\t",
    "a\n===\n",
    "#",
    "(",
    "![a](b \"",
    "[a]: <b> '",
    "<div>\n",
    "<div>\n\n",
    "x <b title=\"y\">z</b> ",
];

#[test]
fn the_number_of_steps_is_linear_in_the_size() {
    // spec: X12c
    let events = |unit: &str, size: usize| {
        let text = unit.repeat(size / unit.len());
        if text.lines().any(|line| nesting(line) > MAX_NESTING) {
            return 0;
        }
        document::read(&text).events
    };
    for unit in ADVERSARIAL {
        let (small, large) = (events(unit, 4 << 10), events(unit, 32 << 10));
        assert!(large <= 10 * small + 100, "{unit:?}: {small} and {large} events");
    }
}

#[test]
fn adversarial_texts_are_cleaned() {
    // spec: X12c
    for unit in ADVERSARIAL {
        let text = unit.repeat((64 << 10) / unit.len());
        let result = displayed(&text);
        assert!(result.len() <= 8 * text.len(), "{unit:?}: {}", result.len());
    }
    let growing: String = (1..360).map(|n| format!("{} ", "`".repeat(n))).collect();
    check_unchanged(&growing);
    let nested: String = (0..200).map(|n| format!("{}- a\n", "  ".repeat(n))).collect();
    check_unchanged(&nested);
    // The missing cells of a table are not filled without a limit.
    let wide =
        format!("{}|\n{}|\n{}", "|a".repeat(4_000), "|-".repeat(4_000), "|b\n".repeat(8_000));
    assert!(document::read(&wide).events < 2_000_000);
}
