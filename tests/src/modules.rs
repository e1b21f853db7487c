//! The modules of a crate, and the uses among its files.
//!
//! Names are resolved as far as the crate's own `use` declarations and paths allow. A method, or a
//! name that a macro generates, counts as part of the file in which the path ends. Test code is
//! excluded.

mod read;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use resolve::Uses;

/// Returns the uses among the files of a crate.
///
/// `root` is the crate's first file, such as `src/lib.rs`. `read` returns the text of a file, or
/// `None` if it does not exist.
///
/// # Errors
/// Returns the path of the first file that is missing or is not Rust, with the reason.
pub fn uses(root: &str, read: impl Fn(&Path) -> Option<String>) -> Result<Uses, String> {
    let crate_root = read::read(&PathBuf::from(root), &read)?;
    Ok(resolve::uses(&crate_root))
}

/// Returns the cycles: sets of files in which each file uses each other, directly or indirectly.
#[must_use]
pub fn circles(uses: &Uses) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        uses.keys().map(|file| (file, reachable(uses, file))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (file, others) in &reached {
        if !others.contains(file) || found.iter().any(|circle| circle.contains(*file)) {
            continue;
        }
        let circle: BTreeSet<String> = others
            .iter()
            .filter(|other| reached.get(**other).is_some_and(|back| back.contains(file)))
            .map(|other| (*other).clone())
            .collect();
        if circle.len() > 1 {
            found.push(circle);
        }
    }
    found
}

/// Returns all files that a file uses, directly or through others.
fn reachable<'a>(uses: &'a Uses, file: &String) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&String> = uses.get(file).into_iter().flat_map(BTreeMap::keys).collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(uses.get(next).into_iter().flat_map(BTreeMap::keys));
        }
    }
    found
}

/// Returns the uses within a cycle as text, one per line: `a.rs -> b.rs (Name)`.
#[must_use]
pub fn shown(circle: &BTreeSet<String>, uses: &Uses) -> String {
    let mut lines = String::new();
    for file in circle {
        for (other, name) in uses.get(file).into_iter().flatten() {
            if circle.contains(other) {
                lines += &format!("    {file} -> {other} ({name})\n");
            }
        }
    }
    lines
}
