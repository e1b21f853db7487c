//! Tests of secrets that are encoded or split.

use super::encodings::{base32, base64, gzip, hex, utf16, zip};
use super::{Random, scanned};
use crate::secret_scan::{find, redact};

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn encoded_and_split_secrets_are_found() {
    // spec: X10b
    let token = Random(3).token();
    let (first, second) = token.split_at(17);
    let line = format!("export TOKEN={token}\n");
    // A short text would be stored without compression.
    let long = format!("{}{line}", "words that are repeated\n".repeat(40));
    assert!(memchr::memmem::find(&gzip(long.as_bytes()), &token.as_bytes()[8..]).is_none());
    let encoded = base64(line.as_bytes());
    let wrapped: Vec<_> =
        encoded.as_bytes().chunks(20).map(|c| std::str::from_utf8(c).unwrap()).collect();
    let url = format!("postgres://service:{first}@db.internal/main");
    let encoded32 = base32(line.as_bytes());
    let wrapped32: Vec<_> =
        encoded32.as_bytes().chunks(30).map(|c| std::str::from_utf8(c).unwrap()).collect();
    let number =
        |form: fn(u8) -> String, by: &str| token.bytes().map(form).collect::<Vec<_>>().join(by);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("plain", line.clone().into()),
        ("after an escaped line break", format!("x = \"key:\\n{token}\\n\"").into()),
        ("UTF-16 LE with BOM", [b"\xff\xfe".to_vec(), utf16(&line, false)].concat()),
        ("UTF-16 BE", utf16(&line, true)),
        ("base64", format!("data: {encoded}").into()),
        (
            "base64 for URLs in a path",
            format!("https://a/b/{}", encoded.replace('+', "-").replace('/', "_")).into(),
        ),
        ("base64 over lines", wrapped.join("\n  ").into()),
        ("base64 over literals", wrapped.join("\" +\n  \"").into()),
        ("base64 of base64", base64(encoded.as_bytes()).into()),
        ("base64 of base64 of base64", base64(base64(encoded.as_bytes()).as_bytes()).into()),
        ("base64 of UTF-16", base64(&utf16(&line, false)).into()),
        ("reversed base64", encoded.bytes().rev().collect()),
        ("hex", hex(line.as_bytes()).into()),
        ("hex in upper case", format!("x{}", hex(line.as_bytes()).to_uppercase()).into()),
        ("hex with spaces", number(|b| format!("{b:02x}"), " ").into()),
        ("hex with colons", number(|b| format!("{b:02X}"), ":").into()),
        ("list of hex numbers", number(|b| format!("0x{b:02x}"), ", ").into()),
        ("list of numbers", format!("[{}]", number(|b| b.to_string(), ", ")).into()),
        ("list over lines", number(|b| b.to_string(), ",\n    ").into()),
        (
            "list of characters",
            format!("['{}']", number(|b| (b as char).to_string(), "', '")).into(),
        ),
        ("reversed", token.bytes().rev().collect()),
        ("percent-encoded", number(|b| format!("%{b:02X}"), "").into()),
        ("partly percent-encoded", token.replace('_', "%5f").into()),
        ("HTML references", number(|b| format!("&#{b};"), "").into()),
        ("hex escapes", format!("\"{}\"", number(|b| format!("\\x{b:02x}"), "")).into()),
        ("Unicode escapes", format!("\"{}\"", number(|b| format!("\\u{b:04x}"), "")).into()),
        ("octal escapes", format!("'{}'", number(|b| format!("\\{b:o}"), "")).into()),
        ("doubled escapes", format!("\"{}\"", number(|b| format!("\\\\u{b:04x}"), "")).into()),
        ("concatenated", format!("x = \"{first}\" + \"{second}\"").into()),
        ("concatenated over lines", format!("x = \"{first}\" +\n      \"{second}\"").into()),
        ("adjacent", format!("x = (\"{first}\"\n     b'{second}')").into()),
        ("PHP", format!("$x = '{first}' . '{second}';").into()),
        ("joined list", format!("[\"{first}\", \"{second}\"].join(\"\")").into()),
        ("continued line", format!("x = \"{first}\\\n    {second}\"").into()),
        (
            "two variables",
            format!("const a = \"{first}\";\nconst b = \"{second}\";\nuse(a + b);").into(),
        ),
        ("two lines", format!("{first}\n{second}\n").into()),
        ("comment lines", format!("# {first}\n# {second}\n").into()),
        ("percent-encoded twice", number(|b| format!("%25{b:02x}"), "").into()),
        ("percent-encoded five times", number(|b| format!("%25252525{b:02X}"), "").into()),
        ("CSS escapes", token.replacen('g', "\\67 ", 1).into()),
        ("CSS escapes with six digits", number(|b| format!("\\{b:06x}"), "").into()),
        ("quoted-printable", number(|b| format!("={b:02X}"), "").into()),
        ("quoted-printable in part", token.replacen("gh", "=67=68", 1).into()),
        (
            "quoted-printable URL",
            url.bytes().map(|b| format!("={b:02X}")).collect::<String>().into(),
        ),
        ("soft line break", format!("key: {first}=\n{second}\n").into()),
        ("soft line break of Windows", format!("key: {first}= \r\n{second}\r\n").into()),
        ("Perl escapes", number(|b| format!("\\N{{U+{b:04X}}}"), "").into()),
        ("Perl escapes in hex", number(|b| format!("\\x{{{b:x}}}"), "").into()),
        ("Perl escapes in octal", number(|b| format!("\\o{{{b:o}}}"), "").into()),
        ("braced escapes", number(|b| format!("\\u{{{b:x}}}"), "").into()),
        ("long braced escapes", number(|b| format!("\\u{{{b:06x}}}"), "").into()),
        ("Java escapes", number(|b| format!("\\uuu{b:04x}"), "").into()),
        ("PowerShell escapes", number(|b| format!("`u{{{b:x}}}"), "").into()),
        ("HTML references in hex", number(|b| format!("&#x{b:X};"), "").into()),
        ("HTML references without semicolons", number(|b| format!("&#0{b}"), "").into()),
        ("HTML references of references", number(|b| format!("&amp;#{b};"), "").into()),
        ("HTML names", token.replace('_', "&lowbar;").into()),
        ("shell quotes", format!("X=\"{first}\"'{second}'").into()),
        ("shell quotes of a part", format!("X=g\"hp_\"{}", &token[4..]).into()),
        ("shell quotes of single letters", token.replace('h', "'h'").into()),
        ("empty shell quotes", format!("X={first}''{second}").into()),
        ("shell escapes", token.replacen("hp", "\\h\\p", 1).into()),
        ("continued line of a shell", format!("X={first}\\\n{second}\n").into()),
        ("numbered lines", format!("1. {first}\n2. {second}\n").into()),
        ("lines of a listing", format!("  9 | {first}\n 10 | {second}\n").into()),
        ("numbers and tabs", format!("    9\t{first}\n   10\t{second}\n").into()),
        ("lines of grep", format!("12:{first}\n13:{second}\n").into()),
        ("comments of C", format!("/* {first} */\n/* {second} */\n").into()),
        ("comment lines of C++", format!("    // {first}\n    // {second}\n").into()),
        ("comments of HTML", format!("<!-- {first} -->\n<!-- {second} -->\n").into()),
        ("base32", base32(line.as_bytes()).into()),
        ("base32 in lower case", base32(line.as_bytes()).to_lowercase().into()),
        ("base32 after other letters", format!("KEY{}", base32(line.as_bytes())).into()),
        ("base32 of a short secret", base32(b"AKIAQ7ZT4LMV2XKD6RWY").into()),
        ("base32 over lines", wrapped32.join("\n").into()),
        ("zero-width spaces", number(|b| (b as char).to_string(), "\u{200b}").into()),
        ("word joiners", number(|b| (b as char).to_string(), "\u{2060}").into()),
        ("soft hyphens", format!("{first}\u{ad}{second}").into()),
        ("direction marks", format!("{first}\u{202a}\u{2069}{second}").into()),
        ("variation selectors", format!("{first}\u{fe0f}\u{e0101}{second}").into()),
        ("escaped zero-width space", format!("\"{first}\\u200b{second}\"").into()),
        ("gzip", gzip(long.as_bytes())),
        ("gzip in a file", [b"head".to_vec(), gzip(long.as_bytes()), b"tail".to_vec()].concat()),
        ("gzip in gzip", gzip(&gzip(long.as_bytes()))),
        ("zip", zip(long.as_bytes())),
        ("second entry of a zip", [zip(b"nothing"), zip(long.as_bytes())].concat()),
        ("zip in gzip", gzip(&zip(long.as_bytes()))),
        ("gzip in base64", base64(&gzip(long.as_bytes())).into()),
        ("base64 in gzip", gzip(encoded.as_bytes())),
        (
            "zlib in a file",
            [b"%PDF".to_vec(), miniz_oxide::deflate::compress_to_vec_zlib(long.as_bytes(), 6)]
                .concat(),
        ),
        ("zlib", miniz_oxide::deflate::compress_to_vec_zlib(long.as_bytes(), 6)),
    ];
    let dump = |columns: usize, line: &dyn Fn(usize, &[u8]) -> String| {
        let lines = token.as_bytes().chunks(columns).enumerate();
        lines.map(|(at, bytes)| line(at * columns, bytes) + "\n").collect::<String>()
    };
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = |bytes: &[u8], by: &str| bytes.chunks(2).map(hex).collect::<Vec<_>>().join(by);
    let each = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>();
    let fullwidth = |b: u8| char::from_u32(0xfee0 + u32::from(b)).unwrap().to_string();
    let cases = [
        cases,
        vec![
            ("comments between letters", number(|b| (b as char).to_string(), "/**/").into()),
            (
                "comment between literals",
                format!("\"{first}\" /* a */ + /* b */ \"{second}\"").into(),
            ),
            ("tags", format!("<b>{first}</b><b>{second}</b>").into()),
            ("tags between letters", number(|b| (b as char).to_string(), "</b><b>").into()),
            ("tags with attributes", format!("{first}</span><span class=\"a\">{second}").into()),
            ("comment of HTML", format!("{first}<!-- a -->{second}").into()),
            ("fullwidth", number(fullwidth, "").into()),
            ("one fullwidth letter", token.replacen('h', "\u{ff48}", 1).into()),
            (
                "mathematical letters",
                token.replace('a', "\u{1d41a}").replace('p', "\u{1d429}").into(),
            ),
            ("circled digits", token.replace('2', "\u{2461}").replace('h', "\u{24d7}").into()),
            (
                "xxd",
                dump(16, &|at, b| format!("{at:08x}: {:<39}  {}", pairs(b, " "), shown(b))).into(),
            ),
            (
                "xxd with single bytes",
                dump(16, &|at, b| format!("{at:08x}: {:<47}  {}", each(b).join(" "), shown(b)))
                    .into(),
            ),
            (
                "hexdump -C",
                dump(16, &|at, b| {
                    let parts: Vec<_> = b.chunks(8).map(|half| each(half).join(" ")).collect();
                    format!("{at:08x}  {:<48}  |{}|", parts.join("  "), shown(b))
                })
                .into(),
            ),
            (
                "hexdump",
                dump(16, &|at, b| {
                    let words = b.chunks(2).map(|w| format!("{:02x}{:02x}", w[1], w[0]));
                    format!("{at:07x} {}", words.collect::<Vec<_>>().join(" "))
                })
                .into(),
            ),
            ("od", dump(16, &|at, b| format!("{at:07o} {}", each(b).join(" "))).into()),
        ],
    ]
    .concat();
    // The headers of all levels, without and with a dictionary. The data refers to none.
    let levels = [0x01, 0x5e, 0x9c, 0xda, 0x20, 0x3f, 0x7d, 0xbb, 0xf9].map(|flags: u8| {
        let head = [&[b'x', flags][..], &[1, 2, 3, 4][..usize::from(flags >> 5 & 1) * 4]].concat();
        ("zlib header", [head, miniz_oxide::deflate::compress_to_vec(long.as_bytes(), 6)].concat())
    });
    // A damaged stream before another one, whose start it seems to contain.
    let damaged = [b"x^\x4b\x4c\x4a".to_vec(), gzip(long.as_bytes())].concat();
    let cases = [cases, levels.into(), vec![("after a damaged stream", damaged)]].concat();
    for (name, bytes) in &cases {
        let found = find(bytes);
        assert!(!found.is_empty(), "{name}: {}", String::from_utf8_lossy(bytes));
        assert!(!scanned(bytes).secrets.is_empty(), "{name}");
        if let Ok(text) = std::str::from_utf8(bytes) {
            let cleaned = redact(text);
            assert_eq!(find(cleaned.as_bytes()), [], "{name}: {cleaned}");
        }
    }
}

#[test]
fn the_value_of_a_secret_does_not_depend_on_its_encoding() {
    let token = Random(4).token();
    let (compared, value) = (token.as_bytes().to_vec(), |bytes: &[u8]| scanned(bytes).secrets);
    assert_eq!(value(token.as_bytes()), [&*compared]);
    // Text on the next line can look like a part of the token.
    let found = value(format!("{token}\nmore").as_bytes());
    assert!(found.iter().all(|found| found.starts_with(&compared)), "{found:?}");
    for bytes in [gzip(token.as_bytes()), utf16(&token, false), base64(token.as_bytes()).into()] {
        let values = value(&bytes);
        assert!(values.contains(&compared), "{values:?}");
    }
}

#[test]
fn a_secret_directly_after_another_one_is_found() {
    // spec: X10b
    let (known, new) = (Random(4).token(), Random(5).token());
    let value = |text: &str| scanned(text.as_bytes()).secrets;
    let expected = value(&new);
    for between in ["", "abc", "_", "-", ".", "\n"] {
        let found = value(&format!("{known}{between}{new}"));
        assert!(found.contains(&expected[0]), "{between:?}: {found:?}");
    }
}
