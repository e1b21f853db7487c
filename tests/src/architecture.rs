//! The rules for dependencies, names and sizes, each as a function over data.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::source::Source;

/// The library crates, each with the crates of this workspace that it may name. Crates that are not
/// listed may name all of them.
pub const ROOMS: &[(&str, &[&str])] = &[
    ("ccc-core", &["ccc-core"]),
    ("ccc-github", &["ccc-core", "ccc-github"]),
    ("ccc-store", &["ccc-core", "ccc-store"]),
    ("ccc-runner", &["ccc-core", "ccc-keeper", "ccc-runner"]),
    ("github-emulator", &["github-emulator"]),
];

/// Returns the directory of a library crate.
#[must_use]
pub fn directory(room: &str) -> &str {
    if room == "github-emulator" { "ccc-github/emulator" } else { room }
}

/// Words that belong to single adapters. They must not occur in the names and dependencies of the
/// core.
pub const FOREIGN: &[&str] = &[
    "anthropic",
    "axum",
    "bollard",
    "claude",
    "docker",
    "github",
    "hyper",
    "octocrab",
    "reqwest",
    "rusqlite",
    "sqlx",
];

/// Crates that need an operating system.
pub const NATIVE: &[&str] =
    &["libc", "mio", "rustix", "signal-hook-registry", "socket2", "tempfile"];

/// Maximum number of lines of a source file.
pub const MAX_LINES: usize = 350;

/// Returns all dependencies in a manifest, of every section and target, under their real names.
fn dependencies(manifest: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in manifest {
        let Value::Table(table) = value else { continue };
        match key.as_str() {
            "dependencies" | "dev-dependencies" | "build-dependencies" => {
                found.extend(table.iter().map(|(name, value)| {
                    value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
                }));
            }
            "target" => {
                found.extend(table.values().filter_map(Value::as_table).flat_map(dependencies));
            }
            _ => {}
        }
    }
    found
}

/// Returns the dependencies that a manifest must not name.
#[must_use]
pub fn wrong_dependencies(manifest: &Table) -> Vec<String> {
    let Some(name) = manifest.get("package").and_then(|package| package["name"].as_str()) else {
        return Vec::new();
    };
    let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == name) else {
        return Vec::new();
    };
    dependencies(manifest)
        .into_iter()
        .filter(|dependency| {
            let ours = dependency == "ccc" || dependency.starts_with("ccc-");
            let foreign = name == "ccc-core" && FOREIGN.contains(&&**dependency);
            foreign || (ours && !allowed.contains(&&**dependency))
        })
        .map(|dependency| format!("{name} names {dependency}"))
        .collect()
}

/// Returns the names that the code of a library must not contain. Comments and literals are not
/// checked, because a path such as `.github` is data.
#[must_use]
pub fn wrong_names(path: &str, text: &str) -> Vec<String> {
    let Some((room, allowed)) = ROOMS.iter().find(|(room, _)| {
        path.strip_prefix(directory(room)).is_some_and(|rest| rest.starts_with("/src/"))
    }) else {
        return Vec::new();
    };
    let source = Source::new(text);
    let words = source.code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let mut found = BTreeSet::new();
    for word in words {
        let foreign = *room == "ccc-core"
            && FOREIGN.iter().any(|foreign| word.to_lowercase().contains(foreign));
        let other = ROOMS
            .iter()
            .map(|(other, _)| other.replace('-', "_"))
            .any(|other| word == other && !allowed.contains(&&*other.replace('_', "-")));
        if foreign || other {
            found.insert(format!("{path} names {word}"));
        }
    }
    found.into_iter().collect()
}

/// Returns the lines of `cargo tree -e normal,features` that only a test may depend on.
#[must_use]
pub fn test_only(tree: &str) -> Vec<&str> {
    tree.lines()
        .filter(|line| {
            let line = line.trim_start_matches(['│', '├', '└', '─', ' ']);
            line.starts_with("mockall ") || line.contains("feature \"testing\"")
        })
        .collect()
}

/// Returns the crates of `cargo tree --prefix none`.
#[must_use]
pub fn crates(tree: &str) -> BTreeSet<&str> {
    tree.lines()
        .filter_map(|line| {
            let version = line.match_indices(' ').nth(1).map_or(line.len(), |(at, _)| at);
            (!line.is_empty()).then(|| &line[..version])
        })
        .collect()
}

/// Returns the crates of the tree that a wasm32 build must not contain.
#[must_use]
pub fn native(tree: &str) -> Vec<&str> {
    crates(tree)
        .into_iter()
        .filter(|line| NATIVE.contains(&line.split(' ').next().unwrap_or_default()))
        .collect()
}

/// Reports a source file that is too long, with its length.
#[must_use]
pub fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let counts = path.contains("/src/") && !path.ends_with("/tests.rs");
    (counts && lines > MAX_LINES).then(|| format!("{path}: {lines} lines"))
}

/// Checks whether a Rust file is shipped source and not test code.
#[must_use]
pub fn is_shipped(path: &str) -> bool {
    let mut parts = path.split('/');
    let tests = parts.clone().any(|part| part == "tests" || part == "tests.rs");
    parts.any(|part| part == "src") && !tests
}

/// The distribution of file lengths, in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The number of files.
    pub files: usize,
    /// The length that half of the files do not exceed.
    pub median: usize,
    /// The length that nine of ten files do not exceed.
    pub ninetieth: usize,
    /// The length of the longest file.
    pub largest: usize,
}

impl Sizes {
    /// Computes the distribution from numbers of lines. Without files, all fields are zero.
    #[must_use]
    pub fn of(mut lines: Vec<usize>) -> Self {
        lines.sort_unstable();
        let files = lines.len();
        let at = |percent: usize| {
            let rank = (files * percent).div_ceil(100).max(1);
            lines.get(rank - 1).copied().unwrap_or(0)
        };
        Self { files, median: at(50), ninetieth: at(90), largest: at(100) }
    }
}
