//! Data: identifiers, translations, images, certificates, archives.

use super::super::archives::{gzip, zip};
use super::super::random::{ALNUM, DIGITS, Random};
use super::{Kind, text};

/// Returns the bytes of a small image.
fn image(random: &mut Random) -> Vec<u8> {
    let length = 600 + random.below(3_000);
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), random.bytes(length)].concat()
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// The kinds, one per row.
#[rustfmt::skip]
pub(super) const KINDS: &[(&str, Kind)] = &[
    ("UUIDs in JSON", |_, random| text("fixtures/users.json", random.lines(60, |r| {
        format!("{{\"id\": \"{}\", \"token_id\": \"{}\", \"name\": \"{}\"}},", r.uuid(), r.uuid(), r.words(2, " "))
    }))),
    ("UUIDs in SQL", |_, random| text("migrations/1.sql", random.lines(60, |r| {
        format!("INSERT INTO {} VALUES ('{}', '{}', {});", r.word(), r.uuid(), r.words(2, " "), r.below(9_999))
    }))),
    ("hashes of passwords in a test", |_, random| text("fixtures/hashes.csv", random.lines(30, |r| {
        format!("{},$2b$12${},{}", r.word(), r.of(ALNUM, 53), r.hex(64))
    }))),
    ("translations", |_, random| text("locales/de.json", random.lines(80, |r| {
        format!("  \"{}.password.token\": \"{} – {} „{}“ äöüß\",", r.words(2, "."), r.words(4, " "), r.words(3, " "), r.word())
    }))),
    ("gettext", |_, random| text("locales/ja.po", random.lines(60, |r| {
        format!("#: src/{}.py:{}\nmsgid \"{}\"\nmsgstr \"パスワードを入力してください {}\"\n", r.word(), r.below(900), r.words(5, " "), r.word())
    }))),
    ("images in base64", |_, random| text("img.css", random.lines(4, |r| {
        let bytes = image(r);
        format!(".{} {{ background: url(data:image/png;base64,{}) }}", r.word(), base64_of(&bytes))
    }))),
    ("notebook", |_, random| {
        let bytes = image(random);
        text("analysis.ipynb", format!("{{\"cells\": [{{\"outputs\": [{{\"data\": {{\"image/png\": \"{}\\n\"}}}}], \"id\": \"{}\"}}]}}\n", base64_of(&bytes), random.hex(8)))
    }),
    ("image", |_, random| text("logo.png", image(random))),
    ("random bytes", |_, random| text("model.bin", random.bytes(40_000))),
    ("fonts in base64", |_, random| text("font.css", format!("@font-face {{ src: url(data:font/woff2;base64,{}) }}\n", random.base64(9_000)))),
    ("gzip of text", |_, random| text("corpus.txt.gz", gzip(random.lines(200, |r| r.words(9, " ")).as_bytes()))),
    ("zip of text", |_, random| text("template.docx", zip("word/document.xml", random.lines(200, |r| format!("<w:t>{}</w:t>", r.words(9, " "))).as_bytes()))),
    ("hex dump", |_, random| text("fixtures/packet.txt", random.lines(60, |r| {
        format!("{}0: {}  ................", r.hex(7), (0..8).map(|_| r.hex(4)).collect::<Vec<_>>().join(" "))
    }))),
    ("certificates", |_, random| {
        let all = ["CERTIFICATE", "CERTIFICATE REQUEST", "PUBLIC KEY", "X509 CRL", "PGP PUBLIC KEY BLOCK"].map(|label| random.pem(label, 700));
        text("ca.pem", all.concat())
    }),
    ("SSH public keys", |_, random| text("authorized_keys", random.lines(8, |r| {
        format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} {}@{}\nssh-rsa AAAAB3NzaC1yc2E{} {}", r.of(ALNUM, 43), r.word(), r.word(), r.base64(270), r.word())
    }))),
    ("known hosts", |_, random| text("known_hosts", random.lines(12, |r| {
        format!("|1|{}|{} ecdsa-sha2-nistp256 {}", r.base64(20), r.base64(20), r.base64(104))
    }))),
    ("encrypted values", |_, random| text("secrets.enc.yaml", random.lines(20, |r| {
        format!("{}_password: ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]", r.word(), r.base64(24), r.base64(32), r.base64(16))
    }))),
    ("Ansible vault", |_, random| text("vault.yml", format!("$ANSIBLE_VAULT;1.1;AES256\n{}", random.lines(30, |r| r.of(DIGITS, 80))))),
    ("sealed secrets", |_, random| text("sealed.yaml", format!("kind: SealedSecret\nspec:\n  encryptedData:\n{}", random.lines(3, |r| format!("    {}: AgB{}", r.word(), r.base64(400)))))),
    ("geometry", |_, random| text("map.svg", random.lines(60, |r| {
        format!("<path d=\"M{},{}c{}.{},0,{}.{}z\" id=\"{}\"/>", r.below(999), r.below(999), r.below(99), r.of(DIGITS, 9), r.below(99), r.of(DIGITS, 9), r.of(ALNUM, 22))
    }))),
    ("addresses of a chain", |_, random| text("chain.json", random.lines(40, |r| {
        format!("{{\"address\": \"0x{}\", \"hash\": \"0x{}\"}},", r.hex(40), r.hex(64))
    }))),
    ("log of a server", |_, random| text("fixtures/access.log", random.lines(60, |r| {
        format!("10.0.0.{} - - [2026] \"GET /{}?request_id={}&page={} HTTP/1.1\" 200 {} \"https://example.com/{}\"", r.below(255), r.word(), r.uuid(), r.below(90), r.below(9_999), r.words(2, "/"))
    }))),
];
