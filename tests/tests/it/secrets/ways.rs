//! Ways in which a secret stands in a change.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::archives::{gzip, zip};
use super::change::Act::{self, Link, Write};
use super::random::Random;

/// Writes a secret into a change. The change is in its own directory.
pub(crate) type Way = fn(&str, &mut Random) -> Act;

fn file(name: &str, content: impl Into<Vec<u8>>) -> Act {
    Write(name.to_owned(), content.into())
}

/// Returns a source file that uses `secret`.
fn code(secret: &str, random: &mut Random) -> String {
    let (before, after) = (random.words(4, " "), random.words(5, "_"));
    format!("# {before}\nexport SETTING='{secret}'\nrun {after}\n")
}

fn escaped(text: &str) -> String {
    text.replace('\n', "\\n")
}

fn each(text: &str, write: fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

fn base32(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<u8> = text.bytes().flat_map(|b| (0..8).rev().map(move |n| b >> n & 1)).collect();
    let value = |five: &[u8]| (0..5).fold(0, |all, n| all << 1 | five.get(n).unwrap_or(&0));
    bits.chunks(5).map(|five| char::from(ALPHABET[usize::from(value(five))])).collect()
}

/// The ways, one per row.
#[rustfmt::skip]
pub(crate) const WAYS: &[(&str, Way)] = &[
    ("plain", |secret, random| file("setup.sh", code(secret, random))),
    ("split", |secret, random| {
        let (first, second) = secret.split_at(secret.len() / 2);
        let between = ["\" + \"", "\" +\n    \"", "\"\n    \"", "\" .\n  \"", "\\\n"][random.below(5)];
        file("split.js", format!("const {} = \"{}{between}{}\";\n", random.word(), escaped(first), escaped(second)))
    }),
    ("UTF-16", |secret, random| {
        let (text, big) = (code(secret, random), random.below(2) == 1);
        let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        let mark = if random.below(2) == 1 { "\u{feff}" } else { "" };
        file("setup.ps1", format!("{mark}{text}").encode_utf16().flat_map(unit).collect::<Vec<_>>())
    }),
    ("base64", |secret, random| {
        let text = BASE64_STANDARD.encode(code(secret, random));
        let lines: Vec<_> = text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        file("data.yml", format!("data:\n  {}: |\n    {}\n", random.word(), lines.join("\n    ")))
    }),
    ("hex", |secret, random| file("data.txt", format!("{} {}\n", random.word(), hex::encode(code(secret, random))))),
    ("reversed", |secret, random| {
        let text: String = secret.chars().rev().collect();
        file("back.py", format!("{} = \"{text}\"[::-1]\n", random.word()))
    }),
    ("name", |secret, random| file(&format!("{}/{secret}.txt", random.word()), "x\n")),
    ("link target", |secret, random| Link(random.word().to_owned(), secret.to_owned())),
    ("percent-encoded twice", |secret, _| file("link.txt", format!("/?q={}\n", each(secret, |b| format!("%25{b:02x}"))))),
    ("references of HTML", |secret, _| file("page.html", format!("<p>{}</p>\n", each(secret, |b| format!("&#x{b:x};"))))),
    ("escapes of Perl", |secret, _| file("text.pl", format!("\"{}\"\n", each(secret, |b| format!("\\N{{U+{b:04X}}}"))))),
    ("quoted-printable", |secret, _| file("mail.eml", format!("{}=\n=0A\n", each(secret, |b| format!("={b:02X}"))))),
    ("base32", |secret, random| file("data.txt", format!("{}: {}\n", random.word(), base32(&code(secret, random))))),
    ("invisible characters", |secret, _| {
        let text: String = secret.chars().flat_map(|c| [c, '\u{200b}']).collect();
        file("text.md", format!("{text}\n"))
    }),
    ("gzip", |secret, random| file("data.gz", gzip(code(secret, random).as_bytes()))),
    ("zip", |secret, random| file("data.zip", zip("setup.sh", code(secret, random).as_bytes()))),
];
