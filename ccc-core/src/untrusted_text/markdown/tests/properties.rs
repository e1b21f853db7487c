//! Properties of the results for any text.

use super::super::displayed;
use proptest::prelude::*;

/// Returns texts that consist of pieces with a meaning in Markdown.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<!--",
        "-->",
        "--",
        "<?",
        "?>",
        "<![CDATA[",
        "]]>",
        "<!A",
        ">",
        "<",
        "</b>",
        "<b title='",
        "'",
        "\"",
        "<div>",
        "</div>",
        "<template>",
        "</template>",
        "<style>",
        "</style>",
        "<x-y>",
        "<T>",
        "</T>",
        " <one> <two>",
        "[",
        "]",
        "](",
        ")",
        "(/a",
        " \"t\"",
        "![",
        "[a]",
        "[a]: /b",
        "[^a]",
        "[^a]:",
        "[1]",
        "`",
        "``",
        "```",
        "~~~",
        "\n",
        "\n\n",
        "    ",
        "> ",
        "- ",
        "1. ",
        "|",
        "|-|\n",
        "\\",
        "&#8203;",
        "\u{200b}",
        "word",
        "é",
        "*",
        "_",
        "#",
        "===",
        "\t",
        "data:",
        "![a]",
        "[a][b]",
        "[b]: /c 't'",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cleaning_never_panics_and_its_result_is_a_fixed_point(text in prop_oneof![any::<String>(), pieces()]) {
        let once = displayed(&text);
        prop_assert_eq!(displayed(&once), once);
    }

    #[test]
    fn text_in_a_comment_never_reaches_the_result(before in "[a-z .\n]{0,40}", hidden in "[a-z \n]{0,40}") {
        let text = format!("{before}\n\n<!-- {hidden} SECRET -->\n");
        prop_assert!(!displayed(&text).contains("SECRET"));
    }

    #[test]
    fn text_in_a_code_block_stays(code in "[a-z<>!\\[\\]: \"()&;\\-\n]{0,60}") {
        let text = format!("a\n\n```\n{code}\n```\n");
        prop_assert_eq!(displayed(&text), text);
    }
}
