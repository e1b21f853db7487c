//! Pages of documentation.

use super::{Kind, text};

/// The payload and signature of the example of <https://jwt.io>.
const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";

/// The kinds, one per row.
#[rustfmt::skip]
pub(super) const KINDS: &[(&str, Kind)] = &[
    ("formats of tokens", |_, random| text("docs/tokens.md", random.lines(8, |r| {
        format!("| {} | `{}` | {} |", r.words(2, " "), ["ghp_<36 characters>", "github_pat_...", "glpat-XXXXXXXXXXXXXXXXXXXX", "AKIA + 16 characters", "xoxb-your-token-here", "sk-ant-api03-...", "SG.xxxxxxxx.yyyyyyyy", "hf_…", "AGE-SECRET-KEY-1...", "npm_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "dop_v1_0000000000000000000000000000000000000000000000000000000000000000"][r.below(11)], r.words(8, " "))
    }))),
    ("commands of a guide", |_, random| text("docs/start.md", random.lines(8, |r| {
        format!("```sh\nexport AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nexport AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\ncurl -H 'Authorization: Bearer <token>' -u user:password https://user:pass@example.com/{}\npsql postgres://user:password@localhost:5432/{}\n```\n{}", r.word(), r.word(), r.words(12, " "))
    }))),
    ("JSON Web Tokens", |_, random| text("docs/jwt.md", format!("{}\n\n```\n{JWT}\n```\n\nA token begins with `eyJ`.\n", random.words(20, " ")))),
    ("keys", |_, random| text("docs/keys.md", format!("{}\n\n```\n-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----\n```\n\n```json\n{{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\nYOUR KEY\\n-----END PRIVATE KEY-----\\n\", \"private_key_id\": \"{}\"}}\n```\n", random.words(20, " "), random.hex(40)))),
    ("webhooks", |_, random| text("docs/slack.md", format!("{}\n`https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX`\n`https://discord.com/api/webhooks/<id>/<token>`\n`DefaultEndpointsProtocol=https;AccountName=<name>;AccountKey=<key>`\n", random.words(20, " ")))),
    ("long text", |_, random| text("docs/guide.md", random.lines(120, |r| r.words(14, " ")))),
    ("wrapped identifiers", |_, random| text("docs/api.md", random.lines(60, |r| format!("- `{}`\n- {}", r.words(5, "_"), r.words(6, "-"))))),
    ("reference of an API", |_, random| text("openapi.yaml", random.lines(20, |r| {
        format!("  /{}/{{id}}:\n    get:\n      operationId: {}\n      security: [{{ api_key: [] }}]\n      example: {{ token: \"string\", id: \"{}\", etag: 'W/\"{}\"' }}", r.word(), r.words(2, ""), r.uuid(), r.base64_url(12))
    }))),
];
