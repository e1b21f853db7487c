//! Tests of the display of Markdown.

use super::{Names, markdown};

struct Known;

impl Names for Known {
    fn has_account(&self, login: &str) -> bool {
        login.eq_ignore_ascii_case("octocat")
    }

    fn issue(&self, repository: Option<&str>, number: u64) -> Option<String> {
        let repository = repository.unwrap_or("octo/hello");
        (repository == "octo/hello" && number < 10)
            .then(|| format!("/{repository}/issues/{number}"))
    }
}

fn shown(text: &str) -> String {
    markdown(text, &Known).into_string()
}

/// Checks the HTML of one paragraph.
fn check(text: &str, expected: &str) {
    assert_eq!(shown(text), format!("<p>{expected}</p>\n"), "{text:?}");
}

#[test]
fn markdown_is_displayed_as_on_github() {
    // spec: E9
    for (text, expected) in [
        (
            "*a* **b** ~~c~~ `d<e>`",
            "<em>a</em> <strong>b</strong> <del>c</del> <code>d&lt;e&gt;</code>",
        ),
        ("a\nb", "a<br />\nb"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("[a](https://a.example \"t\")", "<a href=\"https://a.example\" title=\"t\">a</a>"),
        ("[a](b.md) [c](#d)", "<a href=\"b.md\">a</a> <a href=\"#d\">c</a>"),
        ("a <kbd>b</kbd><br>", "a <kbd>b</kbd><br>"),
    ] {
        check(text, expected);
    }
    for (text, parts) in [
        ("- [ ] a\n- [x] b", &["<ul>", "type=\"checkbox\"", "checked=\"\""][..]),
        ("|a|\n|-|\n|b|", &["<table>", "<th>a</th>", "<td>b</td>"]),
        (
            "```rust\na<b>\n@octocat\n```",
            &["<pre><code class=\"language-rust\">a&lt;b&gt;\n@octocat\n"],
        ),
        ("> a", &["<blockquote>"]),
        ("# a", &["<h1>a</h1>"]),
        ("a[^1]\n\n[^1]: b", &["footnote"]),
        (
            "<details open>\n<summary>a</summary>\n\n*b*\n\n</details>",
            &["<details open=\"\">", "<em>b</em>", "</details>"],
        ),
        (
            "<table>\n<tr><td align=\"center\">a</td></tr>\n</table>",
            &["<td align=\"center\">a</td>"],
        ),
    ] {
        let shown = shown(text);
        assert!(parts.iter().all(|part| shown.contains(part)), "{text:?}: {shown}");
    }
}

#[test]
fn mentions_references_and_addresses_are_links() {
    // spec: E9
    for (text, expected) in [
        ("hi @octocat!", "hi <a href=\"/octocat\">@octocat</a>!"),
        ("@Octocat", "<a href=\"/Octocat\">@Octocat</a>"),
        ("@nobody @octocat/team a@octocat @octocat_", "@nobody @octocat/team a@octocat @octocat_"),
        ("@\u{200b}octocat #\u{200b}7", "@\u{200b}octocat #\u{200b}7"),
        ("fixes #7.", "fixes <a href=\"/octo/hello/issues/7\">#7</a>."),
        (
            "GH-7 octo/hello#7",
            "<a href=\"/octo/hello/issues/7\">GH-7</a> <a href=\"/octo/hello/issues/7\">octo/hello#7</a>",
        ),
        ("#70 a#7 #7a other/one#7 GH-x", "#70 a#7 #7a other/one#7 GH-x"),
        ("`@octocat #7`", "<code>@octocat #7</code>"),
        ("[@octocat #7](/a)", "<a href=\"/a\">@octocat #7</a>"),
        ("<code>#7</code> <a href=\"/a\">#7</a>", "<code>#7</code> <a href=\"/a\">#7</a>"),
        (
            "see https://a.example/b?c=d.",
            "see <a href=\"https://a.example/b?c=d\">https://a.example/b?c=d</a>.",
        ),
        (
            "(www.a.example/b_(c))",
            "(<a href=\"http://www.a.example/b_(c)\">www.a.example/b_(c)</a>)",
        ),
        ("http:// www. https:\u{200b}//a.example", "http:// www. https:\u{200b}//a.example"),
    ] {
        check(text, expected);
    }
}

/// Texts that try to add something active to the page.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "a <script src=//a.example></script>",
    "<ScRiPt >alert(1)</sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"x\"onerror=\"alert(1)\">",
    "<img/src=x/onerror=alert(1)>",
    "<p onclick='alert(1)'>a</p>",
    "<a href=\"javascript:alert(1)\">a</a>",
    "<a href='JaVaScRiPt:alert(1)'>a</a>",
    "<a href=\" java\nscript:alert(1)\">a</a>",
    "<a href=\"java&#115;cript:alert(1)\">a</a>",
    "<a href=\"javascript&colon;alert(1)\">a</a>",
    "<a href=\"&#x6a;avascript&#58;alert(1)\">a</a>",
    "<a href=\"vbscript:a\">a</a> <a href=\"data:text/html,a\">a</a>",
    "[a](javascript:alert(1))",
    "[a](<java\tscript:alert(1)>)",
    "[a](javascript&colon;alert(1))",
    "[a](\u{1}javascript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a](javascript:alert(1)) ![b](data:image/svg+xml,a)",
    "<javascript:alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    "<style>body { display: none }</style>",
    "<p style=\"position:fixed\" class=\"state\" id=\"x\">a</p>",
    "<iframe src=\"https://a.example\"></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "<svg onload=alert(1)><a xlink:href=\"javascript:alert(1)\">a</a></svg>",
    "<math><mtext><script>alert(1)</script></mtext></math>",
    "<form action=/octo/hello/issues method=post><button>a</button></form>",
    "<input type=image src=x onerror=alert(1)>",
    "<base href=https://a.example/><link rel=stylesheet href=a><meta http-equiv=refresh content=0>",
    "<object data=a></object><embed src=a><applet code=a>",
    "<video src=a onerror=alert(1)><audio src=a>",
    "<textarea><script>alert(1)</script></textarea>",
    "<noscript><p title=\"</noscript><script>alert(1)</script>\">",
    "<p title=\"</title><script>alert(1)</script>\">a</p>",
    "<p title='\"><script>alert(1)</script>'>a</p>",
    "<!--><script>alert(1)</script>-->",
    "<!-- --!><script>alert(1)</script> -->",
    "<?a><script>alert(1)</script>?>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<img src=\"x\" alt=\"`<script>`\">",
    "<scr<script>ipt>alert(1)</script>",
    "<p\nonclick\n=\nalert(1)\n>a</p>",
    "<div\u{c}onclick=alert(1)>a</div>",
    "```html\" onclick=\"alert(1)\n<script>\n```",
    "# a {onclick=alert(1)}",
    "[a](https://a.example/\" onclick=\"alert(1))",
    "https://a.example/\"onclick=\"alert(1)",
    "|a|\n|-|\n|<script>alert(1)</script>|",
    "a[^<script>]\n\n[^<script>]: b",
    "<a href=x title=\"a\" href=\"javascript:alert(1)\">a</a>",
    "<img src=`javascript:alert(1)`>",
    "<a\u{a0}href=\"javascript:alert(1)\">a</a>",
];

#[test]
fn nothing_active_remains() {
    // spec: E9
    for text in HOSTILE {
        let page = shown(text);
        check_inactive(text, &page);
        for text in [
            format!("> {text}"),
            format!("- {text}"),
            format!("a {text} b"),
            format!("<div>{text}"),
        ] {
            let page = shown(&text);
            check_inactive(&text, &page);
        }
    }
}

/// Checks each tag in `page`: its name, its attributes and the schemes of its addresses.
fn check_inactive(text: &str, page: &str) {
    const ATTRIBUTES: &str = " href src alt title align open width height colspan rowspan class id disabled type checked ";
    let inactive = |name: &str| {
        ![
            "script", "style", "iframe", "svg", "math", "form", "object", "embed", "base", "link",
            "meta", "video", "audio", "textarea", "noscript", "applet", "button",
        ]
        .contains(&name)
    };
    for (at, _) in page.match_indices('<') {
        let tag = &page[at + 1..at + page[at..].find('>').unwrap()];
        assert!(!tag.starts_with(['!', '?']), "{text:?}: {page}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric()) && inactive(name),
            "{text:?}: {page}"
        );
        let mut rest = &tag[name.len() + usize::from(tag.starts_with('/'))..];
        while let Some((attribute, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"').unwrap();
            let attribute = attribute.trim();
            assert!(ATTRIBUTES.contains(&format!(" {attribute} ")), "{text:?}: {page}");
            let value = value.replace("&amp;", "&").to_lowercase();
            if matches!(attribute, "href" | "src") {
                let scheme = value.split(['/', '?', '#']).next().unwrap();
                let is_open =
                    ["http:", "https:", "mailto:"].iter().any(|known| scheme.starts_with(known));
                assert!(is_open || !scheme.contains([':', '&']), "{text:?}: {page}");
            }
            rest = after;
        }
        assert!(rest.trim_matches([' ', '/']).is_empty(), "{text:?}: {rest:?} in {page}");
    }
}

#[test]
fn a_text_cannot_leave_its_element() {
    // spec: E9
    for text in [
        "</div></article></main>",
        "a </p></div>",
        "<div><div>",
        "<table><tr><td>",
        "> <div>\n\n</div></div>",
        "- <div>\n- </div></div>",
        "![<div>](a) </div>",
        "*<b>* </b>",
        "<b></div></b></b>",
        "<details><summary>",
        "<pre><code>",
        "<a href=\"/a\">",
        "| <div> |\n|-|\n| </div></div> |",
        "[<div>](a)</div>",
    ] {
        let page = shown(text);
        let mut open = Vec::new();
        for (at, _) in page.match_indices('<') {
            let tag = &page[at + 1..at + page[at..].find('>').unwrap()];
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
            if ["br", "img", "input", "hr"].contains(&name) {
                continue;
            }
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "{text:?}: {page}");
            } else {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{text:?}: {page}");
    }
}
