//! The protected names that symlinks give to other files (spec: X17e).
//!
//! If `CLAUDE.md` is a symlink to `README.md`, a change of `README.md` changes what agents read as
//! `CLAUDE.md`. The search starts at the symlinks that protected names can contain, follows them
//! through other symlinks, and compares their targets with the changed paths.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::resolve::{Raw, Resolver};
use super::sorted::Sorted;
use crate::file_name::fold_path;
use crate::policy::{Protection, TrustPolicy};

/// Maximum number of symlinks that one name can lead through, as on Linux.
const MAX_DEPTH: usize = 40;
/// Maximum number of steps of a search. A tree with 100 000 ordinary symlinks needs fewer.
const MAX_STEPS: usize = 400_000;
/// Number of names at the end of a path that can belong to one protected name.
const MAX_NAMES: usize = 8;

/// A symlink: its path, and its target as git stores it.
pub(super) struct Symlink<'a> {
    pub(super) path: &'a [u8],
    pub(super) target: &'a [u8],
}

/// A path that a change affects, and the symlink that gives it a protected name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alias {
    pub(super) path: Vec<u8>,
    pub(super) symlink: Vec<u8>,
    pub(super) protection: Protection,
}

/// The error of a search that needs too many steps.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManySteps;

/// Returns whether a file can get a protected name through a symlink at `path`.
pub(super) fn is_relevant(path: &[u8], policy: &TrustPolicy) -> bool {
    policy.protects_in(&String::from_utf8_lossy(path))
}

/// Returns the paths that have a protected name through symlinks: those in `changed`, and those in
/// `files` if a symlink in `changed` gives them the name. `symlinks` and `files` are all symlinks
/// and all paths of the tree after the change. Paths that are protected themselves are omitted.
///
/// # Errors
/// [`TooManySteps`] if the search needs more than [`MAX_STEPS`] steps, or if another thread sets
/// `cancelled`.
pub(super) fn aliases(
    symlinks: &[Symlink<'_>],
    files: &[&[u8]],
    changed: &[&[u8]],
    policy: &TrustPolicy,
    cancelled: &AtomicBool,
) -> Result<Vec<Alias>, TooManySteps> {
    Search::new(symlinks, files, changed, policy, cancelled).run(MAX_STEPS)
}

/// A symlink whose target is in the tree.
struct Link<'a> {
    path: &'a [u8],
    /// The target from the root of the tree.
    target: String,
    /// Whether the change created the symlink, or one on the way to the target.
    is_changed: bool,
}

/// A name that leads to other paths of the tree.
struct Name<'a> {
    name: String,
    /// The symlink at which the name starts.
    symlink: &'a [u8],
    /// The path to which the name leads.
    leads_to: String,
    depth: usize,
    /// Whether the change created a symlink on the way.
    is_changed: bool,
}

struct Search<'a> {
    links: Sorted<Link<'a>>,
    files: Sorted<&'a [u8]>,
    changed: Sorted<&'a [u8]>,
    policy: &'a TrustPolicy,
    cancelled: &'a AtomicBool,
    steps: usize,
    found: Vec<Alias>,
    queue: Vec<Name<'a>>,
}

impl<'a> Search<'a> {
    fn new(
        symlinks: &'a [Symlink<'a>],
        files: &[&'a [u8]],
        changed: &[&'a [u8]],
        policy: &'a TrustPolicy,
        cancelled: &'a AtomicBool,
    ) -> Self {
        let changed_paths: HashSet<&[u8]> = changed.iter().copied().collect();
        let raw = Sorted::new(symlinks.iter().map(|symlink| {
            let is_changed = changed_paths.contains(symlink.path);
            let target = String::from_utf8_lossy(symlink.target);
            (key(symlink.path), Raw { path: symlink.path, target, is_changed })
        }));
        let mut resolver = Resolver::new(&raw, MAX_STEPS);
        let mut links = Vec::new();
        for (key, symlink) in raw.entries() {
            let path = symlink.path;
            if cancelled.load(Ordering::Relaxed) {
                break;
            }
            let targets = resolver.targets(key, symlink).into_iter();
            links.extend(
                targets.map(|(target, is_changed)| {
                    (key.to_owned(), Link { path, target, is_changed })
                }),
            );
        }
        let steps = resolver.steps;
        let links = Sorted::new(links.into_iter());
        // The other paths matter only for new symlinks.
        let files = if links.values().any(|link| link.is_changed) { files } else { &[] };
        Self {
            links,
            files: Sorted::new(files.iter().map(|path| (key(path), *path))),
            changed: Sorted::new(changed.iter().map(|path| (key(path), *path))),
            policy,
            cancelled,
            steps,
            found: Vec::new(),
            queue: Vec::new(),
        }
    }

    fn run(mut self, max_steps: usize) -> Result<Vec<Alias>, TooManySteps> {
        for link in self.links.values() {
            self.steps += 1;
            if is_relevant(link.path, self.policy) {
                self.queue.push(Name {
                    name: String::from_utf8_lossy(link.path).into_owned(),
                    symlink: link.path,
                    leads_to: link.target.clone(),
                    depth: 1,
                    is_changed: link.is_changed,
                });
            }
        }
        if self.must_stop(max_steps) {
            return Err(TooManySteps);
        }
        let mut seen = HashSet::new();
        while let Some(name) = self.queue.pop() {
            // Below a protected name, all names are protected, so one of them suffices.
            let is_protected = self.policy.protects(&name.name);
            let alias = if is_protected { String::new() } else { name.name.clone() };
            if name.depth > MAX_DEPTH
                || !seen.insert((name.leads_to.clone(), alias, name.is_changed))
            {
                continue;
            }
            self.compare(&name);
            self.follow(&name);
            if self.must_stop(max_steps) {
                return Err(TooManySteps);
            }
        }
        self.found.sort();
        self.found.dedup_by(|one, other| one.path == other.path);
        Ok(self.found)
    }

    fn must_stop(&self, max_steps: usize) -> bool {
        self.steps > max_steps || self.cancelled.load(Ordering::Relaxed)
    }

    /// Compares the paths to which `name` leads with the changed paths.
    fn compare(&mut self, name: &Name<'a>) {
        let mut affected: Vec<(&'a [u8], String)> = Vec::new();
        // A change of a directory above the target replaces the target.
        for above in ancestors(&name.leads_to) {
            affected.extend(self.changed.at(above).map(|path| (*path, name.name.clone())));
        }
        let all =
            if name.is_changed { vec![&self.changed, &self.files] } else { vec![&self.changed] };
        for paths in all {
            affected.extend(paths.at(&name.leads_to).map(|path| (*path, name.name.clone())));
            let below = paths.below(&name.leads_to);
            affected.extend(below.map(|(rest, path)| (*path, format!("{}/{rest}", name.name))));
        }
        self.steps += 1 + affected.len();
        for (path, alias) in affected {
            let is_protected = self.policy.protects(&String::from_utf8_lossy(path));
            if let (false, Some(protection)) = (is_protected, self.policy.protection(&alias, false))
            {
                let (path, symlink) = (path.to_vec(), name.symlink.to_vec());
                self.found.push(Alias { path, symlink, protection });
            }
        }
    }

    /// Adds the names that lead through a further symlink.
    fn follow(&mut self, name: &Name<'a>) {
        let mut next = Vec::new();
        let mut add = |longer: String, link: &Link<'a>, rest: &str| {
            let leads_to = match rest {
                "" => link.target.clone(),
                rest => format!("{}/{rest}", link.target).trim_start_matches('/').to_owned(),
            };
            next.push(Name {
                name: shorten(longer),
                symlink: name.symlink,
                leads_to,
                depth: name.depth + 1,
                is_changed: name.is_changed || link.is_changed,
            });
        };
        for above in ancestors(&name.leads_to) {
            for link in self.links.at(above) {
                add(name.name.clone(), link, &name.leads_to[above.len() + 1..]);
            }
        }
        for link in self.links.at(&name.leads_to) {
            add(name.name.clone(), link, "");
        }
        let mut steps = 0;
        for (rest, link) in self.links.below(&name.leads_to) {
            steps += 1;
            let longer = format!("{}/{rest}", name.name);
            if self.policy.protects_in(&longer) {
                add(longer, link, "");
            }
        }
        self.steps += steps + next.len();
        self.queue.extend(next);
    }
}

/// Returns `name`. In a long name, replaces all but the last components by one that matches
/// nothing. A symlink that leads to a directory above it would otherwise make ever longer names.
fn shorten(name: String) -> String {
    match name.rmatch_indices('/').nth(MAX_NAMES - 1) {
        Some((at, _)) => format!("…{}", &name[at..]),
        None => name,
    }
}

/// Returns the form of `path` that is used in comparisons.
fn key(path: &[u8]) -> String {
    fold_path(&String::from_utf8_lossy(path)).join("/")
}

/// Returns the directories above `path`, without the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests;
