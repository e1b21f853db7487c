//! Tests of the text in which a mention notifies an account.

use super::super::mentionable_text;

fn check(text: &str, expected: bool) {
    let found = mentionable_text(text);
    let words = found.split(|c: char| c.is_whitespace() || "(),.:!*".contains(c));
    assert_eq!(words.into_iter().any(|word| word == "@octocat"), expected, "{text:?}: {found:?}");
}

#[test]
fn mentions_in_ordinary_text_count() {
    // spec: X20d
    for text in [
        "@octocat fix it",
        "Please, **@octocat**: fix it",
        "# @octocat\n\n- a\n- @octocat",
        "> a\n\n@octocat",
        "(@octocat)",
        "| a |\n|---|\n| @octocat |",
        "see https://a.example/x @octocat",
        "[x](/a) @octocat `code` ![y](/b)",
        "<b>@octocat</b>",
        "<div>\n@octocat\n</div>",
        "<a href=\"/a\">x</a> @octocat",
        "<details>\n<summary>a</summary>\n\n@octocat\n</details>",
        "\\@octocat",
        "a<br>@octocat",
    ] {
        check(text, true);
    }
}

#[test]
fn a_mention_without_a_notification_does_not_count() {
    // spec: X20d
    for text in [
        "[x](@octocat)",
        "[x](</a @octocat>)",
        "[x](/a?b=@octocat)",
        "[x](/a \"hi @octocat\")",
        "[x](/a (@octocat))",
        "![@octocat](/a)",
        "![a @octocat b](/a '@octocat')",
        "[x][y]\n\n[y]: /@octocat",
        "[x]\n\n[x]: /a \"@octocat\"",
        "[@octocat](/a)",
        "<https://a.example/?q=@octocat>",
        "<https://a.example/ @octocat",
        "https://a.example/?q=(@octocat)",
        "www.a.example/?q=,@octocat",
        "> @octocat",
        "> > @octocat\n\nno",
        "On Monday, a wrote:\n> @octocat fix it\n",
        "`@octocat`",
        "```\n@octocat\n```",
        "    @octocat",
        "```@octocat\n```",
        "<!-- @octocat -->",
        "<a href=\"@octocat\">x</a>",
        "<a href=\"/a\">@octocat</a>",
        "<img alt=\"@octocat\">",
        "<code>@octocat</code>",
        "<pre>\n@octocat\n</pre>",
        "<div>\n<a href=\"/a\">\n@octocat</a>\n</div>",
        "@octo<b>cat</b>",
        "shown[^1]\n\n[^2]: @octocat",
        "<template>@octocat</template>",
    ] {
        check(text, text.starts_with("<https://a.example/ "));
    }
}
