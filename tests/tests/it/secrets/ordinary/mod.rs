//! Ordinary changes that a secret scan must not refuse.

mod code;
mod data;
mod locks;
mod pages;

use super::change::Act;
use super::random::Random;

/// Makes one ordinary change. The number makes names unique.
pub(crate) type Kind = fn(usize, &mut Random) -> Vec<Act>;

/// Returns a change that writes one text file.
fn text(path: &str, content: impl Into<Vec<u8>>) -> Vec<Act> {
    vec![Act::Write(path.to_owned(), content.into())]
}

/// Returns the path of a private key in the base, for the change with this number.
pub(crate) fn old_key(number: usize) -> String {
    format!("old/key{number}.pem")
}

/// Returns the kinds of ordinary changes.
pub(crate) fn kinds() -> Vec<(&'static str, Kind)> {
    let mut all: Vec<(&'static str, Kind)> = vec![
        ("move of a committed test key", |number, _| {
            vec![Act::Move(old_key(number), "fixtures/key.pem".to_owned())]
        }),
        ("move of a committed test key with an edit", |number, random| {
            let more = format!("# used by {}\n", random.words(3, " "));
            vec![Act::MoveAndEdit(old_key(number), "fixtures/key.pem".to_owned(), more)]
        }),
    ];
    all.extend(locks::KINDS);
    all.extend(data::KINDS);
    all.extend(code::KINDS);
    all.extend(pages::KINDS);
    all
}
