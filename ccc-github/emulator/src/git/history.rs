//! Commits and the differences between them.

use crate::git::command::line;
use crate::git::diff::{Changed, patch_of, raw};
use crate::git::objects::{CommitInfo, Person, Stat};
use crate::git::repository::Git;

/// Maximum size of a diff, in bytes. A longer diff is truncated to this size.
const MAX_DIFF: usize = 1024 * 1024;

impl Git {
    /// Returns the commit that `revision` names, or `None` if the commit does not exist.
    pub(crate) async fn show(&self, revision: &str) -> Option<CommitInfo> {
        let sha = self.commit_named(revision).await?;
        let format = "--format=%H%n%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B";
        let out = self.run(["show", "--no-patch", format, &sha]).await.ok()?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let mut rows = text.splitn(10, '\n');
        let mut next = || rows.next().map(str::to_owned);
        Some(CommitInfo {
            sha: next()?,
            tree: next()?,
            parents: next()?.split_whitespace().map(str::to_owned).collect(),
            author: Person { name: next()?, email: next()?, date: next()? },
            committer: Person { name: next()?, email: next()?, date: next()? },
            message: next()?.trim_end().to_owned(),
        })
    }

    /// Returns the number of commits in `base..head`, and the numbers of files and lines that
    /// changed from the merge base of `base` and `head` to `head`.
    pub(crate) async fn stat(&self, base: &str, head: &str) -> Stat {
        let changed = self.changed(base, head).await;
        let range = format!("{base}..{head}");
        let count = self.run(["rev-list", "--count", &range]).await.unwrap_or_default();
        Stat {
            commits: line(&count).parse().unwrap_or(0),
            additions: changed.iter().map(|file| file.additions).sum(),
            deletions: changed.iter().map(|file| file.deletions).sum(),
            files: changed.len(),
        }
    }

    /// Returns the files that changed from the merge base of `base` and `head` to `head`.
    pub(crate) async fn changed(&self, base: &str, head: &str) -> Vec<Changed> {
        let range = format!("{base}...{head}");
        let args = ["diff", "--raw", "--numstat", "--no-renames", "--abbrev=40", &range];
        let out = self.run(args).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&out).into_owned();
        let mut files: Vec<Changed> = text.lines().filter_map(raw).collect();
        for row in text.lines().filter(|row| !row.starts_with(':')) {
            let mut columns = row.split('\t');
            let mut next = || columns.next().unwrap_or_default();
            let (added, deleted, path) = (next(), next(), next());
            if let Some(file) = files.iter_mut().find(|file| file.path == path) {
                file.additions = added.parse().unwrap_or(0);
                file.deletions = deleted.parse().unwrap_or(0);
            }
        }
        let diff = self.diff(base, head).await;
        for file in &mut files {
            file.patch = patch_of(&diff, &file.path);
        }
        files
    }

    /// Returns the output of `git diff base...head`, which is the diff from the merge base to
    /// `head`. The output is at most 1 MiB long.
    pub(crate) async fn diff(&self, base: &str, head: &str) -> String {
        let range = format!("{base}...{head}");
        let args = ["diff", "--no-color", "--no-ext-diff", "--no-renames", &range];
        let mut out = self.run(args).await.unwrap_or_default();
        out.truncate(MAX_DIFF);
        String::from_utf8_lossy(&out).into_owned()
    }
}
