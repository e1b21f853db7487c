//! The modules of a crate, and which file uses what of which other file.
//!
//! Names are resolved as far as the crate's own `use` declarations and paths go: methods, and names
//! that a macro makes, count for the file in which the path ends. Code for tests is left out.

mod read;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use resolve::Uses;

/// Returns which files of a crate use which others.
///
/// `root` is the crate's first file, such as `src/lib.rs`, and `read` returns the text of a file if
/// there is one.
///
/// # Errors
/// The first file that is missing or is not Rust, with the reason.
pub fn uses(root: &str, read: impl Fn(&Path) -> Option<String>) -> Result<Uses, String> {
    let crate_root = read::read(&PathBuf::from(root), &read)?;
    Ok(resolve::uses(&crate_root))
}

/// Returns the circles: sets of files of which each uses each other one, if only in steps.
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

/// Returns the uses inside a circle as text, one to a line: `a.rs -> b.rs (Name)`.
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
