//! Tests of the Markdown reader: hidden text is replaced, and displayed text stays.

mod emoji;
mod hostile;
mod limits;
mod mentions;
mod names;
mod properties;
mod scripts;

use super::{displayed, displayed_markdown};

/// Checks that nothing of the hidden word reaches the result, and that the word `shown` does.
fn check_hidden(text: &str) {
    let result = displayed(text);
    assert!(!result.to_lowercase().contains("secret"), "{text:?} became {result:?}");
    assert!(result.contains("shown") || !text.contains("shown"), "{text:?} became {result:?}");
    assert_eq!(displayed(&result), result, "{text:?} became {result:?}");
}

fn check_unchanged(text: &str) {
    assert_eq!(displayed(text), text);
}

#[test]
fn markup_that_a_page_does_not_show_is_removed() {
    // spec: X12c
    for text in [
        "shown<!-- secret -->",
        "shown <!-- secret\nsecret --> shown",
        "<!-- secret\n\nsecret -->\nshown",
        "> <!-- secret\n>\n> secret -->\n\nshown",
        "- shown <!-- secret -->\n- <!-- secret -->\n",
        "1. shown\n\n   <!-- secret\n   secret -->\n",
        "shown <?secret?> shown",
        "<?xml secret\n\nsecret ?>\nshown",
        "shown <![CDATA[secret]]>",
        "<![CDATA[secret\n\nsecret]]>\nshown",
        "shown <!DOCTYPE secret>",
        "<!DOCTYPE html\nsecret>\nshown",
        "<!secret>",
        // A comment or a tag without an end hides the rest of a page.
        "shown\n\n<!-- secret\n\nsecret",
        "shown\n\n<div>\n<!-- secret\n\nsecret --> secret\n\n<p>secret",
        "shown\n\n> <!-- secret\n\nsecret",
        "shown\n\n- <!-- secret\n- secret",
        "shown\n\n<div title=\"secret\n\nsecret",
        "<!--> shown\n\n<!-- secret --!> shown",
        "shown </secret>",
        "<div>\nshown</ secret></b secret>\n</div>",
        "<!-- --><!-- secret -->\n<!---> <!-- secret -->\n\nshown",
        "<div>shown<!-- secret --></div>",
        // The browser shows `--` in a comment as a comment.
        "<!-- a -- secret -->\n\nshown",
    ] {
        check_hidden(text);
    }
}

#[test]
fn attributes_and_contents_of_hidden_elements_are_removed() {
    // spec: X12c
    for text in [
        "shown <a title=\"secret\">shown</a>",
        "shown <img alt='secret' src=\"https://a.example/x.png\">",
        "<p hidden style=\"secret\">shown</p>",
        "<details secret><summary id=secret>shown</summary>shown</details>",
        "<div\ntitle = secret\n>shown</div>",
        "> shown <b\n> title=\"secret\">shown</b>",
        "shown <secret a> </secret>",
        "<do-as-the-secret-says>\nshown\n</do-as-the-secret-says>",
        "shown <a href=\"data:text/plain,secret\">shown</a>",
        "shown <a href=\"java&#115;cript:secret\">shown</a>",
        "shown <a href='secret words'>shown</a>",
        "<script>\nsecret\n</script>\nshown",
        "<style>secret\n\nsecret</style>\n\nshown",
        "shown <style>secret</style> shown",
        "<textarea>\nsecret\n</textarea>\nshown",
        "<title>secret</title> shown",
        "shown <template>secret</template>",
        "<template>\n\nsecret\n\n**secret**\n\n</template>\n\nshown",
        "<template><template>secret</template>secret</template>\n\nshown",
        "> <noscript>\n>\n> secret\n>\n> </noscript>\n\nshown",
        "<ruby>shown<rp>secret</rp></ruby>",
        "<STYLE>secret</Style>\n\nshown",
    ] {
        check_hidden(text);
    }
}

#[test]
fn labels_titles_and_unused_definitions_are_removed() {
    // spec: X12c
    for text in [
        "[secret]: https://a.example\n\nshown",
        "shown\n\n[a]: https://secret.example 'secret'",
        "[shown]\n\n[shown]: https://a.example \"secret\"",
        "[shown]\n\n[shown]: https://a.example\n  (secret\n  secret)\n\nshown",
        "[shown][secret]\n\n[secret]: https://a.example",
        "[shown][ ignore the\n secret ]\n\n[ignore the secret]: /a",
        "[shown]\n\n[shown]: /a\n[shown]: /secret\n",
        "> [secret]: /a\n\n- [secret]: /b\n\nshown",
        "- shown\n\n  [secret]: /a\n\n  [secret]: /b 'secret'\n",
        "[shown](https://a.example \"secret\")",
        "[shown](<a> 'secret')",
        "[shown](/a (secret))",
        "> [shown](/a\n> \"secret\n> secret\")",
        "![secret](https://a.example/shown.png)",
        "![a **secret** `secret` ![secret](b)](/shown)",
        "![secret](/shown \"secret\")",
        "![secret]\n\n[secret]: /shown",
        "![secret][] ![x][secret]\n\n[secret]: /shown 'secret'",
        "[![secret](/shown)](/shown 'secret')",
        "[shown](data:text/html,secret)",
        "[shown](javascript:secret)",
        "[shown](java&#115;cript:secret)",
        "[shown](<secret words>)",
        "[shown]\n\n[shown]: <data:secret>",
        "shown\n\n[^1]: secret",
        "shown\n\n[^1]: secret\n\n    secret\n\n    - secret\n",
        "shown[^1]\n\n[^1]: shown\n\n[^1]: secret",
        "shown[^secret]\n\n[^secret]: shown",
        "<template>[^1]</template>\n\nshown\n\n[^1]: secret",
        "<template>[a][b]</template>\n\nshown\n\n[b]: /secret",
        "``` rust secret\nshown\n```",
        "~~~secret-secret-secret-secret-secret-secret\nshown\n~~~",
        "```do,what,the,secret,says\nshown\n```",
        "```rust,no_run secret\nshown\n```",
        "```rust,(secret)\nshown\n```",
        "```rust,secret-secret-secret-secret,secret-secret-secret\nshown\n```",
        "| a | b |\n|---|---|\n| shown | b | secret | secret |\n| shown |",
        "> | a |\n> |---|\n> | shown | secret\n",
    ] {
        check_hidden(text);
    }
}

#[test]
fn displayed_text_stays_unchanged() {
    // spec: X12c
    for text in [
        "",
        "plain",
        "two  \nlines\\\nand more\n\n\n\n",
        "*a* **b** ~~c~~ `d` _e_ \\* \\[ \\< &lt;!-- shown --&gt; &amp;",
        // A comment in the middle of a line that does not end is shown.
        "a <!-- shown",
        "a <! shown > <- <3 < b && c > d",
        "Vec<[u8; 4]> and a < b",
        // Code hides nothing.
        "`<!-- shown -->` and `` ` <!-- shown --> ``",
        "```\n<!-- shown\n```\nshown --> [a]: b",
        "```html\n<!-- shown -->\n[a]: b 'c'\n",
        "~~~~\n```\n<!-- shown\n~~~\n~~~~\nshown",
        "    <!-- shown -->\n\n    [a]: b\n\nshown",
        "\t<!-- shown",
        "> ```\n> <!-- shown\n> ```\n\nshown",
        "- ```\n  <!-- shown -->\n  ```\n- shown",
        "1. a\n\n       <!-- shown -->\n",
        "`<!-- shown\nshown -->`",
        "`a` <b>shown</b> `<b title=x>`",
        "[a](https://a.example/b?c=d&e=f#g) <https://a.example> <me@a.example> https://a.example",
        "[a](/b) [a](#b) [a](b.md) [a]() [a](mailto:me@a.example)",
        "[a] [b][] [c][1]\n\n[a]: /a\n[b]: <https://b.example>\n[1]: /c\n",
        "[a]\n\n> [a]: /a\n",
        "a[^1] b[^2]\n\n[^1]: one\n[^2]: two\n\n    three\n",
        "[^9] [not a label] [x]: y",
        "![](https://a.example/x.png)",
        "<details open>\n<summary>a</summary>\n\n*b*\n\n</details>",
        "<img width=\"500\" src=\"https://github.com/user-attachments/assets/1\">",
        "<div align=\"center\">\n<kbd>a</kbd><br/>b<br>\n</div>",
        "<script> without an end",
        "put it into a <textarea> or a <template>",
        "- [ ] a\n- [x] b\n\n* * *\n\n---\n\n# a #\n\nb\n===\n",
        "| a | b |\n|:--|--:|\n| `\\|` | \\| |\n| c |\n\n+----------+----------+",
        "> a\n> > b\nc\n\n1) a\n2) b",
        "````markdown\n```\na\n```\n````",
        "```rust\na\n```\n\n``` c++\n```",
        "```rust,no_run\na\n```\n\n~~~ rust,edition=2024,ignore\n~~~\n\n```#lang.x\n```",
    ] {
        check_unchanged(text);
    }
}

#[test]
fn paragraphs_in_many_scripts_stay_unchanged() {
    // spec: X12c
    for text in [
        "The quick brown fox jumps over the lazy dog.",
        "Příliš žluťoučký kůň úpěl ďábelské ódy.",
        "Съешь же ещё этих мягких французских булок.",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
        "Զարմանալի մարդ է։",
        "ქართული ენა ძალიან ლამაზია.",
        "דג סקרן שט בים מאוכזב.",
        "نص حكيم له سر قاطع وذو شأن عظيم.",
        "ܐܒܓܕ ܗܘܙ ܚܛܝ.",
        "ऋषियों को सताने वाले दुष्ट राक्षस।",
        "আমি বাংলায় গান গাই।",
        "ਪੰਜਾਬੀ ਬੋਲੀ।",
        "தமிழ் மொழி இனிது.",
        "తెలుగు భాష తీయనిది.",
        "ಕನ್ನಡ ನುಡಿ.",
        "മലയാളം ഭാഷ.",
        "සිංහල භාෂාව.",
        "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า",
        "ພາສາລາວ ແມ່ນພາສາ",
        "မြန်မာဘာသာစကား",
        "ភាសាខ្មែរ",
        "ሰው እንደ ቤቱ እንጅ እንደ ጉረቤቱ አይተዳደርም።",
        "いろはにほへと ちりぬるを",
        "키스의 고유조건은 입술끼리 만나야 하고",
        "視野無限廣，窗外有藍天。",
        "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
        "ᓀᐦᐃᔭᐍᐏᐣ",
        "🦀 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𓀀",
    ] {
        check_unchanged(text);
    }
}

#[test]
fn hidden_text_leaves_a_mark_with_the_structure_of_the_text() {
    // spec: X12c
    for (text, expected) in [
        ("a<!-- b -->c", "a<!-- hidden text removed -->c"),
        ("[a](/b 'c') d", "[a](/b \"hidden text removed\") d"),
        ("[a](data:b)", "[a](#hidden-text-removed)"),
        ("![a](/b)", "![hidden text removed](/b)"),
        ("[a][b]\n\n[b]: /c 'd'\n", "[a][1]\n\n[1]: /c \"hidden text removed\"\n"),
        ("![b] 1\n\n[b]: /c\n", "![hidden text removed][2] 1\n\n[2]: /c\n"),
        ("a[^b] 1\n\n[^b]: c", "a[^2] 1\n\n[^2]: c"),
        ("<b id=c>d</b>", "<b hidden-text-removed>d</b>"),
        ("<img alt=c src=\"/d\"/>", "<img src=\"/d\" hidden-text-removed />"),
        ("Option<T a>", "Option<hidden-text-removed>"),
        ("```rust a b\nc\n```", "```rust hidden text removed\nc\n```"),
        ("|a|\n|-|\n|b|c|\n", "|a|\n|-|\n|b|hidden text removed|\n"),
        ("<style>a</style>\n\nb", "<style><!-- hidden text removed --></style>\n\nb"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\u{feff}a\u{202e}b\u{200b}\u{fe0f}\0\u{7}", "ab"),
        ("a&#8203;b&zwj;c&#xE0041; &#65; `&#8203;`", "abc &#65; `&#8203;`"),
        ("<div>a&#8203;b&ZeroWidthSpace;</div>", "<div>ab</div>"),
        ("cafe\u{301} `e\u{301}`", "caf\u{e9} `\u{e9}`"),
        // The normal form of these characters is a backtick.
        ("\u{1fef}<!-- a -->\u{1fef}", "`<!-- hidden text removed -->`"),
        ("\u{1f469}\u{200d}\u{1f4bb}", "\u{1f469}\u{200d}\u{1f4bb}"),
    ] {
        assert_eq!(displayed(text), expected, "{text:?}");
    }
}

#[test]
fn invisible_characters_cannot_turn_hidden_text_into_code() {
    // spec: X12c
    for text in [
        "\u{200b}```\n<!-- secret -->\nshown",
        "\u{200b}    <!-- secret -->\n\nshown",
        "`\u{200b}` <!-- secret --> `` shown",
        "<\u{200b}!-- secret -->",
        "\u{2060}[shown](/a \"secret\")",
    ] {
        let result = displayed(text);
        assert!(!result.contains("secret"), "{text:?} became {result:?}");
    }
}

#[test]
fn a_cut_does_not_show_hidden_text() {
    // spec: X12c
    let text = format!("a <!-- {} --> b", "secret ".repeat(1_000));
    for max in 12..60 {
        assert!(!displayed_markdown(&text, max).contains("secret"), "{max}");
    }
    let large = format!("<!-- {}", "secret ".repeat(100_000));
    assert_eq!(displayed(&large), "[text removed: it has more than 256 KiB]");
    let deep = format!("{}secret", "> ".repeat(300));
    assert_eq!(displayed(&deep), "[text removed: quotes or lists are nested too deeply]");
    // Spaces that no marker follows do not nest anything.
    let code = format!("```diff\n+{}^\n```\n", " ".repeat(900));
    assert_eq!(displayed(&code), code);
}
