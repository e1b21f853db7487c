//! Tests of the tables of formats and of placeholders.

use super::{Random, formats_in};
use crate::secret_scan::contexts::{CONTEXTS, Form};
use crate::secret_scan::formats::FORMATS;
use crate::secret_scan::shape::Class;
use crate::secret_scan::{find, known_formats, redact};

#[test]
fn every_format_of_the_table_is_found() {
    // spec: X10b
    let mut random = Random(1);
    for format in FORMATS {
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
        let value = match context.form {
            Form::Of(class, least, _) => random.text(class, least),
            Form::Random | Form::Word => random.text(Class::Alnum, 40),
            Form::Hex => random.text(Class::LowerHex, 40),
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

#[test]
fn every_format_has_a_source() {
    // spec: X10b
    for format in known_formats() {
        let (address, rule) = format.source.split_once(": ").unwrap_or((format.source, "none"));
        let host = address.strip_prefix("https://").unwrap_or_default();
        let plain = |b: u8| (b'!'..=b'~').contains(&b);
        assert!(host.contains('.') && host.bytes().all(plain), "{format:?}");
        assert!(!rule.is_empty() && rule.bytes().all(plain), "{format:?}");
        // A rule of a scanner is named, and a page of a vendor needs no rule.
        let is_scanner = ["gitleaks/gitleaks", "trufflesecurity/trufflehog", "Yelp/detect-secrets"]
            .iter()
            .any(|scanner| address == format!("https://github.com/{scanner}"));
        assert_eq!(is_scanner, rule != "none", "{format:?}");
    }
    let mut random = Random(9);
    // Every found format is a known one.
    for (text, _) in special_cases(&mut random) {
        for found in formats_in(&text) {
            assert!(known_formats().any(|format| format.name == found), "{found}");
        }
    }
}

fn pem(random: &mut Random, label: &str, lines: usize) -> String {
    let body: Vec<_> = (0..lines).map(|_| random.text(Class::Base64, 64)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n"))
}

/// Returns texts with the credentials that are in no table, and their formats.
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn special_cases(random: &mut Random) -> Vec<(String, &'static str)> {
    let mut cases: Vec<(String, &str)> = Vec::new();
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let key = pem(random, label, 3);
        cases.push((format!("\"private_key\": \"{}\"", key.replace('\n', "\\n")), "private key"));
        let literal: Vec<_> = key.lines().map(|line| format!("    \"{line}\\n\"")).collect();
        cases.push((literal.join(" +\n"), "private key"));
        cases.push((key.replace('\n', "\r\n    "), "private key"));
        cases.push((key, "private key"));
    }
    let body = random.text(Class::Base64, 64);
    cases.push((pem(random, "OPENSSH PRIVATE KEY", 5), "private key"));
    cases.push((
        pem(random, "PGP PRIVATE KEY BLOCK", 9).replace("-----\n", "-----\nVersion: 1\n\n"),
        "private key",
    ));
    cases.push((
        pem(random, "DSA PRIVATE KEY", 5).replace(
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
    // The name of a file.
    cases.push((
        format!("{header}.{payload}.{}.txt", random.text(Class::Token, 43)),
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
    // A key of AWS without a digit, and a JSON Web Token after `_`.
    cases.push(("key = AKIAQXZTRLMVBXKDYRWY".into(), "AWS access key"));
    cases.push(("'access_key': \"ASIAHGFSKEUPAWITONZQ\"".into(), "AWS access key"));
    cases.push(("octopus: API-QXZTRLMVBXKDYRWYHGFSKEUPAW".into(), "Octopus Deploy key"));
    for before in ["session_", "a-", "__"] {
        let signature = random.text(Class::Token, 43);
        cases.push((format!("{before}{header}.{payload}.{signature}"), "JSON Web Token"));
    }
    // Passwords with the characters of variables and with `@`.
    let (first, second) = (random.text(Class::Alnum, 7), random.text(Class::Alnum, 7));
    for between in ["$", "@", "$$", "@@", "*", "$w0rd@", "%40@"] {
        cases.push((
            format!("postgres://service:{first}{between}{second}@db.corp.io:5432/app"),
            "password in a URL",
        ));
    }
    // A random password at a host without a dot.
    cases.push((
        format!("postgres://service:Zk4Q6k{}@db:5432/app", random.text(Class::Alnum, 14)),
        "password in a URL",
    ));
    cases.push((format!("https://service:{password}@localhost.corp.io/app"), "password in a URL"));
    cases.push((format!("redis://service:{password}@localhost@db.corp.io/0"), "password in a URL"));
    cases.push((
        format!("PAT={}AZDO{}", random.text(Class::Alnum, 76), random.text(Class::Alnum, 4)),
        "Azure DevOps token",
    ));
    cases.push((format!("key = \"{}-us12\"", random.text(Class::LowerHex, 32)), "Mailchimp key"));
    cases.push((
        format!("key: {}_{}_mmk", random.text(Class::Alnum, 6), random.text(Class::Alnum, 29)),
        "MaxMind key",
    ));
    cases.push((
        format!("id: {}8Q~{}", random.text(Class::Alnum, 3), random.text(Class::Token, 34)),
        "Azure secret",
    ));
    cases
}

#[test]
fn keys_and_tokens_with_other_forms_are_found() {
    // spec: X10b
    let cases = special_cases(&mut Random(2));
    for (text, expected) in &cases {
        assert!(formats_in(text).contains(expected), "{expected}: {text}");
        assert_eq!(find(redact(text).as_bytes()), [], "{text}");
    }
}

#[test]
fn characters_that_only_some_tokens_of_a_format_have_are_found() {
    // spec: X10b
    for text in [
        "bkua_z9x8w7v6u5t4s3r2q1p0o9n8m7l6k5j4h3g2f1y0",
        "xai-q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3_q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3q7Zt0Lm",
        "r8_q7Zt0LmV2x-d9RwYb4NcJ6hGf_1eUpA8iTo3Z",
        "LTAI4Fq7Zt0LmV2xKd9Rw",
        "nfp_q7Zt0LmV2x_d9RwYb4NcJ6hGf_1eUpA8iTo3",
        "https://team:ATBBq7Zt0LmV2x_d9RwYb4NcJ6hGfS1e@bitbucket.org/a/b",
        "figu_q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3Zt0L",
        "signkey-prod-5f1d8c07e2ab49636f0e7d21c4b83a955f1d8c07e2ab49636f0e7d21c4b83a95",
        "wif = \"L4q7Zt9LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3Zk4Q6kLJx2zqvP\"",
        "A3-Q7ZT0L-MV2XKD9RWYB-4NCJ6-HGFS1-EUPA8",
    ] {
        assert!(!formats_in(text).is_empty(), "{text}");
    }
}

/// Texts that look like secrets, but are not secrets.
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
    // URLs of local development and documentation, variables, and user information of other texts.
    "postgres://postgres:postgres@db:5432/app", "postgres://app:S3cretPw9x@db:5432/app", "mysql://app:Q7zT0lMv2xKd@localhost/app", "redis://:Q7zT0lMv2xKd9RwYb4@127.0.0.1:6379/0",
    "amqp://app:Q7zT0lMv2xKd9RwYb4@[::1]:5672", "https://app:Q7zT0lMv2xKd9RwYb4@api.example.com/v1", "mongodb://app:Q7zT0lMv2xKd@localhost:27017,localhost:27018/app", "http://app:Q7zT0lMv2xKd@host.docker.internal/",
    "https://user:$TOKEN@github.com/o/r", "https://user:$db_password@corp.io", "https://$user:$pass->word@corp.io/a", "http://localhost:8080?next=bob@corp.io",
    "AKIATESTTESTTESTTEST", "AKIAAAAAAAAAAAAAAAAA", "XX_AKIAVERYLONGNAMEOFAN", "_eyJ_eyJhbGciOiJIUzI1NiJ9", "abc_eyJhIjoxfQ.eyJhIjoxfQ.c2lnbmF0dXJlIG9mIGEgdGV4dA",
    "AZDO", "REAZDOWN", "_mmk", "re_create_index_for_all_users_of_2024_release", "sk_button_primary", "t1.micro", "c1.large.search", "const secret_store = vck_config",
    // Examples of specifications, and names that begin like a key.
    "napi_create_function_with_a_name_of_many_words", "napi_status napi_get_cb_info(napi_env env)", "e2b_sandbox_template", "squ_", "access-production-readiness-review-of-2024",
    "key: rzp_live_your_key", "5f1d8c07e2ab49636f0e7d21c4b83a95-us-east-1", "arn:aws:s3:::5f1d8c07e2ab49636f0e7d21c4b83a95-us1-logs", "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
    "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5", "signkey-prod-12345678", "sk-lf-...", "sk-lf-00000000-0000-0000-0000-000000000000",
    // Hashes, identifiers and UUIDs.
    "integrity: sha512-Zk4Q6kLJx2zqvP3ePyzLk9tqgPvm8xXhQ9nCzSxvGJrT3mF1w5oUuB7yR2dKcVeA0HsNlIiEgXjM6aTqWbYfOw==",
    "token = \"3f2504e0-4f89-11d3-9a0c-0305e82c3301\"", "secret_hash = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
    "const token = getTokenFromRequestHeaders2(request)", "passwordResetToken: \"components.PasswordReset.TokenField1\"", "key-value-pairs: a", "data-key=\"4\"",
    "cGFzc3dvcmQ6IGNoYW5nZW1lCnVzZXI6IGFkbWluCg==", "AIzaSy...", "SG.xxxxx.yyyyy", "task-force-management-system-configuration", "risk-assessment-0123456789-abcdefghij",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@host",
    // Text in which lines, quotes or escapes stand near the start of a credential.
    "1. tokens begin with ghp_\n2. keys of projects are longer than that\n", "prefix=\"ghp_\"; name=\"aRatherLongNameOfA2ndVariable\"",
    "TOKEN=\nNEXT_PUBLIC_SITE_URL=https://a.b\nSECRET=\nAPI_KEY=\n", "a { content: \"\\201C\"; quotes: \"\\ab\" \"\\bb\" }", "?a=41&b=67&c=5F",
    "C:\\data\\ab\\cd\\ghp_\\new", "&lowbar;&period;&amp;#95;", "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPI======", "\u{feff}using System;\u{200b}",
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
