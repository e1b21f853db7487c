//! What `git diff` prints, taken apart.

/// One file of a change.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) status: &'static str,
    pub(super) path: String,
    pub(super) sha: Option<String>,
    pub(super) additions: usize,
    pub(super) deletions: usize,
    pub(super) patch: String,
}

/// One row of `git diff --raw`.
pub(super) fn raw(row: &str) -> Option<Changed> {
    let (head, path) = row.strip_prefix(':')?.split_once('\t')?;
    let columns: Vec<_> = head.split(' ').collect();
    let status = match *columns.get(4)? {
        "A" => "added",
        "D" => "removed",
        _ => "modified",
    };
    let sha = (status != "removed").then(|| columns[3].to_owned());
    let patch = String::new();
    Some(Changed { status, path: path.to_owned(), sha, additions: 0, deletions: 0, patch })
}

/// The part of a diff that is about one file, from its first hunk on.
pub(super) fn patch_of(diff: &str, path: &str) -> String {
    let start = format!("diff --git a/{path} b/{path}\n");
    let Some((_, rest)) = diff.split_once(&start) else { return String::new() };
    let one = rest.split("\ndiff --git ").next().unwrap_or_default();
    one.find("@@").map_or_else(String::new, |at| one[at..].to_owned())
}
