//! The paths to which the symlinks of a tree lead (spec: X17e).

use std::borrow::Cow;

use super::sorted::Sorted;
use crate::file_name::fold_path;

/// Maximum number of symlinks on the way to a target, as on Linux.
const MAX_DEPTH: usize = 40;

/// A symlink as git stores it.
pub(super) struct Raw<'a> {
    pub(super) path: &'a [u8],
    pub(super) target: Cow<'a, str>,
    /// Whether the change created the symlink.
    pub(super) is_changed: bool,
}

/// A part of the way to a target.
struct Place<'a> {
    /// The names of the directory that has been reached, from the root of the tree.
    at: Vec<String>,
    /// The names that follow, the next one last.
    rest: Vec<&'a str>,
    depth: usize,
    is_changed: bool,
}

/// A resolver of the targets of symlinks.
pub(super) struct Resolver<'a> {
    symlinks: &'a Sorted<Raw<'a>>,
    max_steps: usize,
    /// The number of steps so far. No target is resolved after `max_steps`.
    pub(super) steps: usize,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(symlinks: &'a Sorted<Raw<'a>>, max_steps: usize) -> Self {
        Self { symlinks, max_steps, steps: 0 }
    }

    /// Returns the paths to which `symlink` at `path` can lead, and whether the change created a
    /// symlink on the way. Omits paths outside the tree.
    ///
    /// In `link/..`, the `..` means the parent of the directory to which `link` leads. A symlink
    /// before a `..` is therefore followed, and other symlinks stay in the paths. The directory that
    /// contains `link` is returned too, because a directory can have the same name in another
    /// spelling.
    pub(super) fn targets(&mut self, path: &str, symlink: &'a Raw<'a>) -> Vec<(String, bool)> {
        let mut at: Vec<String> = path.split('/').map(str::to_owned).collect();
        at.pop();
        let (depth, is_changed) = (1, symlink.is_changed);
        let mut found = Vec::new();
        let mut places = Vec::new();
        places.extend(enter(at, symlink, Vec::new(), depth, is_changed));
        while let Some(place) = places.pop() {
            found.extend(self.walk(place, &mut places));
            if self.steps > self.max_steps {
                break;
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Returns the end of the way from `place`, if no symlink on it is followed. Adds the places at
    /// which a symlink leads to another way to `places`.
    fn walk(&mut self, place: Place<'a>, places: &mut Vec<Place<'a>>) -> Option<(String, bool)> {
        let Place { mut at, mut rest, depth, is_changed } = place;
        let mut parents = rest.iter().filter(|name| **name == "..").count();
        while let Some(name) = rest.pop() {
            match name {
                "" | "." => continue,
                ".." => {
                    parents -= 1;
                    at.pop()?;
                    continue;
                }
                name => at.extend(fold_path(name)),
            }
            if parents == 0 || depth >= MAX_DEPTH {
                continue;
            }
            self.steps += 1;
            for link in self.symlinks.at(&at.join("/")) {
                // A long way is copied for each symlink.
                self.steps += 1 + rest.len();
                if self.steps > self.max_steps {
                    return None;
                }
                let above = at[..at.len().saturating_sub(1)].to_vec();
                let is_changed = is_changed || link.is_changed;
                places.extend(enter(above, link, rest.clone(), depth + 1, is_changed));
            }
        }
        Some((at.join("/"), is_changed))
    }
}

/// Returns the place before the target of `link`, which is in the directory `above` and is followed
/// by the names `rest`. Returns `None` if the target is an absolute path.
fn enter<'a>(
    above: Vec<String>,
    link: &'a Raw<'a>,
    mut rest: Vec<&'a str>,
    depth: usize,
    is_changed: bool,
) -> Option<Place<'a>> {
    if link.target.starts_with('/') {
        return None;
    }
    rest.extend(link.target.split('/').rev());
    Some(Place { at: above, rest, depth, is_changed })
}
