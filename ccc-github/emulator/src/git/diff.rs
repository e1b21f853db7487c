//! Parsing of the output of `git diff`.

/// A file that was added, removed or modified between two commits.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) status: &'static str,
    pub(crate) path: String,
    pub(crate) sha: Option<String>,
    pub(crate) additions: usize,
    pub(crate) deletions: usize,
    pub(crate) patch: String,
}

/// Parses one row of `git diff --raw`. The row contains neither line counts nor the patch, so the
/// counts are 0 and the patch is empty. Returns `None` if the row has another format.
pub(crate) fn raw(row: &str) -> Option<Changed> {
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

/// Returns the hunks of the file `path` in `diff`, or an empty string if `diff` does not contain
/// the file.
pub(crate) fn patch_of(diff: &str, path: &str) -> String {
    let start = format!("diff --git a/{path} b/{path}\n");
    let Some((_, rest)) = diff.split_once(&start) else { return String::new() };
    let one = rest.split("\ndiff --git ").next().unwrap_or_default();
    one.find("@@").map_or_else(String::new, |at| one[at..].to_owned())
}
