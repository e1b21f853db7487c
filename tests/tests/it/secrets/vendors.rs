//! Secrets of twenty vendors. Every secret is generated, so that this file contains none.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::random::{ALNUM, BASE32, BECH32, DIGITS, LOWER, Random};

/// Generates a secret, or a placeholder of the same form.
pub(crate) type Make = fn(&mut Source) -> String;

/// Random text, or text of placeholders in its place.
pub(crate) struct Source<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) placeholder: bool,
}

impl Source<'_> {
    fn of(&mut self, alphabet: &str, length: usize) -> String {
        let text = self.random.of(alphabet, length);
        if self.placeholder { alphabet[..1].repeat(length) } else { text }
    }

    fn hex(&mut self, length: usize) -> String {
        self.of("0123456789abcdef", length)
    }

    fn base64(&mut self, bytes: usize) -> String {
        let text = self.random.base64(bytes);
        if self.placeholder { "A".repeat(text.len()) } else { text }
    }

    fn base64_url(&mut self, bytes: usize) -> String {
        let text = self.random.base64_url(bytes);
        if self.placeholder { "A".repeat(text.len()) } else { text }
    }

    fn pem(&mut self, label: &str, bytes: usize) -> String {
        let text = self.random.pem(label, bytes);
        if self.placeholder {
            return format!("-----BEGIN {label}-----\n...\n-----END {label}-----\n");
        }
        text
    }
}

/// The vendors, one per row.
#[rustfmt::skip]
pub(crate) const VENDORS: &[(&str, Make)] = &[
    ("GitHub", |s| format!("{}{}", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"][s.random.below(5)], s.of(ALNUM, 36))),
    ("GitLab", |s| format!("glpat-{}", s.base64_url(15))),
    ("AWS", |s| format!("AKIA{}", s.of(BASE32, 16))),
    ("Google", |s| format!("AIza{}", s.of(ALNUM, 35))),
    ("Azure", |s| format!("DefaultEndpointsProtocol=https;AccountName=store;AccountKey={};EndpointSuffix=core.windows.net", s.base64(64))),
    ("Stripe", |s| format!("{}_live_{}", ["sk", "rk"][s.random.below(2)], s.of(ALNUM, 24))),
    ("npm", |s| format!("npm_{}", s.of(ALNUM, 36))),
    ("PyPI", |s| format!("pypi-AgEIcHlwaS5vcmc{}", s.base64_url(96))),
    ("Hugging Face", |s| format!("hf_{}", s.of(&format!("{LOWER}{}", LOWER.to_uppercase()), 34))),
    ("OpenAI", |s| format!("sk-proj-{}T3BlbkFJ{}", s.base64_url(55), s.base64_url(55))),
    ("Anthropic", |s| format!("sk-ant-api03-{}AA", s.base64_url(69))),
    ("SendGrid", |s| format!("SG.{}.{}", s.of(ALNUM, 22), s.of(ALNUM, 43))),
    ("Slack", |s| format!("xoxb-{}-{}-{}", s.of(DIGITS, 12), s.of(DIGITS, 13), s.of(ALNUM, 24))),
    ("Databricks", |s| format!("dapi{}", s.hex(32))),
    ("DigitalOcean", |s| format!("dop_v1_{}", s.hex(64))),
    ("JSON Web Token", |s| {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"sub\":\"{}\",\"admin\":true}}", s.random.uuid()));
        let header = BASE64_URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
        format!("{header}.{claims}.{}", s.base64_url(32))
    }),
    ("database", |s| {
        let scheme = ["postgres", "mysql", "mongodb+srv", "redis", "amqp"][s.random.below(5)];
        format!("{scheme}://service:{}@db.internal/main", s.of(ALNUM, 20))
    }),
    ("OpenSSL", |s| { let label = ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"][s.random.below(5)]; s.pem(label, 300) }),
    ("PuTTY", |s| format!("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n{}\n", s.base64(48))),
    ("age", |s| format!("AGE-SECRET-KEY-1{}", s.of(BECH32, 58))),
];
