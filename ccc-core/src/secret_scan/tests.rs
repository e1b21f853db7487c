//! Tests of the scan: each format is found, placeholders are not, encodings are removed, and the
//! number of steps is linear.

use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::contexts::{CONTEXTS, Form};
use super::formats::FORMATS;
use super::layers::search;
use super::meter::Meter;
use super::shape::{Class, Part};
use super::{find, redact, scan};

/// Random numbers from a fixed seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    fn text(&mut self, class: Class, length: usize) -> String {
        let plain = |b: &u8| class.has(*b) && !matches!(b, b'=' | b'%' | b'~' | b'.');
        let alphabet: Vec<u8> = (b' '..=b'~').filter(plain).collect();
        (0..length).map(|_| alphabet[self.below(alphabet.len())] as char).collect()
    }

    fn body(&mut self, parts: &[Part]) -> String {
        let text = |part: &Part| match part {
            Part::Run(class, least, _) => self.text(*class, *least),
            Part::Text(text) => (*text).to_owned(),
        };
        parts.iter().map(text).collect()
    }

    /// Returns a GitHub token.
    fn token(&mut self) -> String {
        format!("ghp_{}", self.text(Class::Alnum, 36))
    }
}

fn formats_in(bytes: impl AsRef<[u8]>) -> Vec<&'static str> {
    find(bytes.as_ref()).into_iter().map(|found| found.format).collect()
}

#[test]
fn every_format_of_the_table_is_found() {
    // spec: X10b
    let mut random = Random(1);
    for format in FORMATS {
        assert!(!format.source.is_empty(), "{}", format.name);
        for start in format.starts {
            let body = random.body(format.body);
            let text = format!("const KEY = \"{start}{body}\";\n");
            assert!(formats_in(&text).contains(&format.name), "{text}");
            assert!(!redact(&text).contains(&body), "{text}");
            // The same text with a placeholder.
            let text = format!("const KEY = \"{start}{}\";\n", "x".repeat(body.len()));
            assert_eq!(formats_in(&text), [""; 0], "{text}");
        }
    }
    for context in CONTEXTS {
        assert!(!context.source.is_empty(), "{}", context.name);
        let value = match context.form {
            Form::Of(class, least, _) => random.text(class, least),
            Form::Random => random.text(Class::Alnum, 40),
            Form::Uuid => [8, 4, 4, 4, 12].map(|n| random.text(Class::LowerHex, n)).join("-"),
        };
        for name in context.names {
            for text in [format!("{name} = \"{value}\"\n"), format!("{{\"{name}\": \"{value}\"}}")]
            {
                assert!(!formats_in(&text).is_empty(), "{text}");
            }
        }
    }
}

fn pem(random: &mut Random, label: &str, lines: usize) -> String {
    let body: Vec<_> = (0..lines).map(|_| random.text(Class::Base64, 64)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n"))
}

#[test]
fn keys_and_tokens_with_other_forms_are_found() {
    // spec: X10b
    let mut random = Random(2);
    let mut cases: Vec<(String, &str)> = Vec::new();
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let key = pem(&mut random, label, 3);
        cases.push((format!("\"private_key\": \"{}\"", key.replace('\n', "\\n")), "private key"));
        let literal: Vec<_> = key.lines().map(|line| format!("    \"{line}\\n\"")).collect();
        cases.push((literal.join(" +\n"), "private key"));
        cases.push((key.replace('\n', "\r\n    "), "private key"));
        cases.push((key, "private key"));
    }
    let body = random.text(Class::Base64, 64);
    cases.push((pem(&mut random, "OPENSSH PRIVATE KEY", 5), "private key"));
    cases.push((
        pem(&mut random, "PGP PRIVATE KEY BLOCK", 9).replace("-----\n", "-----\nVersion: 1\n\n"),
        "private key",
    ));
    cases.push((
        pem(&mut random, "DSA PRIVATE KEY", 5).replace(
            "KEY-----\n",
            "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00AA\n\n",
        ),
        "private key",
    ));
    cases.push((format!("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"a\"\n{body}\n{body}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n"), "SSH2 private key"));
    cases.push((
        format!(
            "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 2\n{body}\n{body}\nPrivate-MAC: 00\n"
        ),
        "PuTTY private key",
    ));
    cases
        .push((format!("DB_PASSWORD={}\nA=b\n", random.text(Class::Alnum, 32)), "assigned secret"));
    let password = random.text(Class::Alnum, 16);
    for scheme in ["postgres", "mysql", "mongodb+srv", "redis", "amqp", "https"] {
        cases.push((
            format!("url: {scheme}://service:{password}@db.internal/x"),
            "password in a URL",
        ));
    }
    let header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    let payload = "eyJzdWIiOiJhbGljZSIsImlzcyI6Imh0dHBzOi8vaXNzdWVyIn0";
    cases.push((
        format!("Bearer {header}.{payload}.{}", random.text(Class::Token, 43)),
        "JSON Web Token",
    ));
    cases.push((
        format!("bot{}:AA{}", random.text(Class::Digit, 9), random.text(Class::Token, 33)),
        "Telegram token",
    ));
    cases.push((
        format!(
            "'MTE5ODYyMjQ4MzQ3MTkyNTI0OA.{}.{}'",
            random.text(Class::Alnum, 6),
            random.text(Class::Token, 38)
        ),
        "Discord token",
    ));
    cases.push((
        format!("id: {}8Q~{}", random.text(Class::Alnum, 3), random.text(Class::Token, 34)),
        "Azure secret",
    ));
    for (text, expected) in &cases {
        assert!(formats_in(text).contains(expected), "{expected}: {text}");
        assert_eq!(find(redact(text).as_bytes()), [], "{text}");
    }
}

/// Texts that look like secrets and are none.
#[rustfmt::skip]
const ORDINARY: &[&str] = &[
    // Documented examples and placeholders.
    "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
    "ghp_YOUR_TOKEN_HERE", "github_pat_XXXXXXXXXXXXXXXXXXXXXX_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    "xoxb-your-bot-token-here-1234567890", "xoxb-000000000000-000000000000-xxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-ant-...", "sk-ant-api03-your-api-key-goes-here", "sk-ant-api03-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-proj-replace-this-with-your-own-project-key", "OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "AccountKey=<your-account-key>;", "stripe_key: sk_live_your_key_here", "sk_live_...",
    "api_key: \"your-api-key\"", "password = \"changeme\"", "token: ${{ secrets.GITHUB_TOKEN }}", "PASSWORD=${DB_PASSWORD}",
    "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "npm_config_registry_url_with_a_long_name_in_words", "AIzaSyXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.", "eyJ", "eyJ.eyJ.sig",
    // CSS classes.
    ".sk-circle-fade-dot:before { animation: sk-circle-fade 1.2s }", "class=\"sk-fading-circle sk-circle1 sk-child\"", "sk-cube-grid-container-with-a-very-long-name-for-a-class",
    // Code that compares with a header, and headers without a key.
    "if text.contains(\"PRIVATE KEY-----\") { return true; }", "key.startswith('-----BEGIN RSA PRIVATE KEY-----')",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg...\n-----END PRIVATE KEY-----",
    "const A: &str = \"-----BEGIN EC PRIVATE KEY-----\"; const B: &str = \"-----END EC PRIVATE KEY-----\"; fn the_rest_of_the_function_has_a_long_name() {}",
    "-----BEGIN RSA PRIVATE KEY-----\nyour private key here\n-----END RSA PRIVATE KEY-----", "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n",
    "-----BEGIN RSA TESTING KEY-----\nMIICXgIBAAKBgQDuLnQAI3mDgey3VBzWnB2L39JUU4txjeVE6myuDqkM/uGlfjb9\n-----END RSA TESTING KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTIFICATE-----",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\nmQINBFNk3FYBEADR1f5VmXQkVJzL0c5rYkYf8TqWnB2L39JUU4txjeVE6myuDqkM\n",
    // Regular expressions and prefixes.
    "ghp_[A-Za-z0-9]{36}", "\\b(AKIA|ASIA)[A-Z2-7]{16}\\b", "prefixes = [\"ghp_\", \"gho_\", \"ghu_\", \"ghs_\", \"ghr_\", \"github_pat_\"]", "tokens start with ghp_ or sk-ant-",
    // URLs.
    "postgres://user:password@localhost:5432/db", "postgres://postgres:postgres@db/app", "mysql://root:root@127.0.0.1/x",
    "https://user:pass@example.com", "https://${USER}:${PASSWORD}@host/", "redis://:<password>@host", "http://user:{password}@host", "https://x-access-token:$TOKEN@github.com/o/r",
    "amqp://guest:guest@rabbit:5672", "https://github.com/o/r", "see https://a.b/c:d and mail me@example.com", "git+ssh://git@github.com:o/r.git",
    "mongodb+srv://<username>:<password>@cluster0.mongodb.net/", "http://localhost:8080/@scope/package", "postgresql://app:DB_PASSWORD@db/app",
    // Hashes, identifiers and UUIDs.
    "integrity: sha512-Zk4Q6kLJx2zqvP3ePyzLk9tqgPvm8xXhQ9nCzSxvGJrT3mF1w5oUuB7yR2dKcVeA0HsNlIiEgXjM6aTqWbYfOw==",
    "token = \"3f2504e0-4f89-11d3-9a0c-0305e82c3301\"", "secret_hash = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
    "const token = getTokenFromRequestHeaders2(request)", "passwordResetToken: \"components.PasswordReset.TokenField1\"", "key-value-pairs: a", "data-key=\"4\"",
    "cGFzc3dvcmQ6IGNoYW5nZW1lCnVzZXI6IGFkbWluCg==", "AIzaSy...", "SG.xxxxx.yyyyy", "task-force-management-system-configuration", "risk-assessment-0123456789-abcdefghij",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@host",
    "XAKIAABCDEFGHIJKLMNOP", "mappings: \";;;EAAA,SAAS,EAAE,GAAG;EAAAA,OAAO,CAAC,CAAC\"",
];

#[test]
fn placeholders_examples_and_near_misses_are_no_secrets() {
    // spec: X10b
    for text in ORDINARY {
        assert_eq!(formats_in(text), [""; 0], "{text}");
        assert_eq!(redact(text), *text);
    }
    // Together they form no secret either.
    assert_eq!(formats_in(ORDINARY.join("\n")), [""; 0]);
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |all, b| all << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(ALPHABET[(group >> (18 - 6 * at) & 63) as usize] as char);
        }
        text.push_str(&"="[..usize::from(chunk.len() < 3)].repeat(3 - chunk.len()));
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut all = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    all.extend(miniz_oxide::deflate::compress_to_vec(bytes, 6));
    all.extend([0; 8]);
    all
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let data = miniz_oxide::deflate::compress_to_vec(bytes, 6);
    let mut all = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    all.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    all.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    all.extend(b"\x05\0\0\0a.txt");
    all.extend(data);
    all
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn encoded_and_split_secrets_are_found() {
    // spec: X10b
    let token = Random(3).token();
    let (first, second) = token.split_at(17);
    let line = format!("export TOKEN={token}\n");
    let encoded = base64(line.as_bytes());
    let wrapped: Vec<_> =
        encoded.as_bytes().chunks(20).map(|c| std::str::from_utf8(c).unwrap()).collect();
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
        ("gzip", gzip(line.as_bytes())),
        ("gzip in a file", [b"head".to_vec(), gzip(line.as_bytes()), b"tail".to_vec()].concat()),
        ("gzip in gzip", gzip(&gzip(line.as_bytes()))),
        ("zip", zip(line.as_bytes())),
        ("second entry of a zip", [zip(b"nothing"), zip(line.as_bytes())].concat()),
        ("zip in gzip", gzip(&zip(line.as_bytes()))),
        ("gzip in base64", base64(&gzip(line.as_bytes())).into()),
        ("base64 in gzip", gzip(encoded.as_bytes())),
        (
            "zlib in a file",
            [b"%PDF".to_vec(), miniz_oxide::deflate::compress_to_vec_zlib(line.as_bytes(), 6)]
                .concat(),
        ),
        ("zlib", miniz_oxide::deflate::compress_to_vec_zlib(line.as_bytes(), 6)),
    ];
    for (name, bytes) in &cases {
        let found = find(bytes);
        assert!(!found.is_empty(), "{name}: {}", String::from_utf8_lossy(bytes));
        let never = AtomicBool::new(false);
        assert!(!scan(bytes, &never).unwrap().secrets.is_empty(), "{name}");
        if let Ok(text) = std::str::from_utf8(bytes) {
            let cleaned = redact(text);
            assert_eq!(find(cleaned.as_bytes()), [], "{name}: {cleaned}");
        }
    }
}

#[test]
fn the_value_of_a_secret_does_not_depend_on_its_encoding() {
    let (token, never) = (Random(4).token(), AtomicBool::new(false));
    // The prefix and the minimum length of the format are compared.
    let (compared, value) =
        (token.as_bytes()[..34].to_vec(), |bytes: &[u8]| scan(bytes, &never).unwrap().secrets);
    assert_eq!(value(token.as_bytes()), [&*compared]);
    // Text on the next line can look like a part of the token.
    assert!(value(format!("{token}\nmore").as_bytes()).iter().all(|found| *found == compared));
    for bytes in [gzip(token.as_bytes()), utf16(&token, false), base64(token.as_bytes()).into()] {
        let values = value(&bytes);
        assert!(values.contains(&compared), "{values:?}");
    }
}

/// Returns a deflate stream of `bytes` zero bytes, as gzip.
fn bomb(bytes: usize) -> Vec<u8> {
    gzip(&vec![0; bytes])
}

#[test]
fn a_secret_directly_after_another_one_is_found() {
    // spec: X10b
    let (known, new, never) = (Random(4).token(), Random(5).token(), AtomicBool::new(false));
    let value = |text: &str| scan(text.as_bytes(), &never).unwrap().secrets;
    let expected = value(&new);
    for between in ["", "abc", "_", "-", ".", "\n"] {
        let found = value(&format!("{known}{between}{new}"));
        assert!(found.contains(&expected[0]), "{between:?}: {found:?}");
    }
}

#[test]
fn a_small_text_that_expands_to_a_large_one_needs_few_steps() {
    // spec: X16a
    let bomb = base64(&gzip(&b"\"a\" + \"b\"\n".repeat(300_000)));
    let never = AtomicBool::new(false);
    let mut meter = Meter::of_text(&never);
    search(bomb.as_bytes(), true, &mut meter).unwrap();
    // Without the smaller limit of texts, this needs more than 100 million steps.
    assert!(meter.steps() < 20_000_000, "{}", meter.steps());
}

#[test]
fn an_archive_over_the_limits_is_reported_and_does_not_grow() {
    // spec: X16a
    let never = AtomicBool::new(false);
    let incomplete = |bytes: &[u8]| scan(bytes, &never).unwrap().incomplete;
    let twice = gzip(&gzip(b"text"));
    for (name, bytes, expected) in [
        ("small", bomb(1 << 20), false),
        ("over the limit", bomb(33 << 20), true),
        ("two levels", twice.clone(), false),
        ("three levels", gzip(&twice), true),
        ("three levels of zip", zip(&zip(&zip(b"text"))), true),
        ("many archives", [bomb(12 << 20), bomb(12 << 20), bomb(12 << 20)].concat(), true),
        ("no archive", b"\x1f\x8b\x08\x1f\x8b\x08PK\x03\x04".repeat(100), false),
    ] {
        assert_eq!(incomplete(&bytes), expected, "{name}");
    }
}

#[test]
fn a_zip_entry_that_cannot_be_read_is_reported() {
    // spec: X10b, X16a
    let never = AtomicBool::new(false);
    let with = |flags: u8, method: u8| {
        let mut bytes = zip(b"text");
        (bytes[6], bytes[8]) = (flags, method);
        bytes
    };
    for (flags, method, expected) in [
        (0, 8, false),
        (1, 8, true),
        (1, 0, true),
        (0, 9, true),
        (0, 12, true),
        (0, 14, true),
        (0, 200, false),
    ] {
        let incomplete = scan(&with(flags, method), &never).unwrap().incomplete;
        assert_eq!(incomplete, expected, "flags {flags}, method {method}");
    }
}

#[test]
fn a_large_image_is_searched_up_to_the_limit_and_not_refused() {
    // spec: X16a
    let token = Random(7).token();
    let image = |start: &[u8]| {
        let pixels = [start, &vec![0; 40 << 20]].concat();
        let stream = miniz_oxide::deflate::compress_to_vec_zlib(&pixels, 6);
        [b"\x89PNG\r\n\x1a\n".to_vec(), stream].concat()
    };
    let never = AtomicBool::new(false);
    let plain = scan(&image(b""), &never).unwrap();
    assert_eq!((plain.incomplete, plain.secrets.len()), (false, 0));
    assert!(!scan(&image(format!(" {token} ").as_bytes()), &never).unwrap().secrets.is_empty());
}

/// A function that makes an input of about this size.
type Input = Box<dyn Fn(usize) -> Vec<u8>>;

#[test]
fn the_number_of_steps_is_linear() {
    // spec: X16a
    let base64ish = |n: usize| Random(5).text(Class::Base64, n).into_bytes();
    let repeat = |text: &str, n: usize| text.repeat(n / text.len()).into_bytes();
    let nested = |n: usize| gzip(&gzip(&Random(6).text(Class::Base64, n).into_bytes()));
    // A gzip header before each of many stored blocks without content.
    let headers = |n: usize| b"\x1f\x8b\x08\0\0\0\0\0\0\x03\0\0\0\xff\xff".repeat(n / 15);
    let texts = [
        "aghp_",
        "ghp_",
        "PRIVATE KEY-----",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "eyJ.",
        "://a:",
        "://a:b",
        "a://",
        ".",
        "MTE5.",
        "=password",
        "password=",
        "Private-Lines:",
        "\\",
        "\\n",
        "\\x41",
        "%41",
        "%",
        "&#65;",
        "\"",
        "\"+",
        "' '",
        "\n",
        "\n# ",
        "41 ",
        "65, ",
        "0x41,",
        "0",
        "A",
        "\0",
        "\0A",
        "sk-",
        "SK",
        "AKIA",
        ":AA",
        "1Q~",
        "sig=",
        "PK\x03\x04",
        "`a",
        "\\\n ",
        "AGE-SECRET-KEY-1",
        "github_pat_a",
        "\u{1f}",
        "=",
        "secret:\"",
        "0:AA",
    ];
    let mut inputs: Vec<(&str, Input)> = vec![
        ("random base64", Box::new(base64ish)),
        ("nested gzip", Box::new(nested)),
        ("gzip headers", Box::new(headers)),
        ("bomb", Box::new(|n| bomb(n * 16))),
    ];
    for text in texts {
        inputs.push((text, Box::new(move |n| repeat(text, n))));
    }
    let never = AtomicBool::new(false);
    let steps = |bytes: Vec<u8>| scan(&bytes, &never).unwrap().steps;
    for (name, input) in inputs {
        let (one, eight) = (steps(input(4_000)), steps(input(32_000)));
        assert!(eight <= 9 * one, "{name:?}: {one} and {eight} steps");
        // The work for one byte is bounded as well.
        assert!(one <= 2_000 * 4_000, "{name:?}: {one} steps");
    }
}

#[test]
fn a_cancelled_scan_ends() {
    // spec: X16a
    let bytes = Random(7).token().repeat(10);
    assert_eq!(scan(bytes.as_bytes(), &AtomicBool::new(true)), None);
    assert!(scan(bytes.as_bytes(), &AtomicBool::new(false)).is_some());
}

proptest! {
    #[test]
    fn any_bytes_are_scanned(bytes in any::<Vec<u8>>()) {
        let _ = find(&bytes);
    }

    #[test]
    fn any_text_of_keywords_is_scanned(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "-----BEGIN ", "PRIVATE KEY-----", "eyJ", ".", "://", "@", ":", "\\", "\\u{", "&#x", "%4",
                "\u{1f}", "PK\u{3}\u{4}", "\"", "+", "\n", "Q~", ":AA", "password", "=", "é", "0x4", "1, ",
                "ghp_q7Zt0LmV2xKd9", "RwYb4NcJ6hGfS1eUpA8iTo3", "[REDACTED]",
            ]),
            0..24,
        )
    ) {
        let text: String = parts.concat();
        let once = redact(&text).into_owned();
        let twice = redact(&once).into_owned();
        prop_assert_eq!(once, twice);
    }
}
