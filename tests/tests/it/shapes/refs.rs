//! Rows with unusual branches, tags and other refs. The repository can also be one of a VCS host.

use super::shape::{Shape, shape};

#[rustfmt::skip]
pub(crate) const SHAPES: &[Shape] = &[
    shape("refs: an ordinary repository", "base"),
    shape("refs: a tag with the name of the branch", r"
        base; git tag main HEAD~1; git tag heads/main HEAD~1; git tag claude HEAD~1"),
    shape("refs: a remote branch with the name of the branch", r"
        base; git update-ref refs/remotes/origin/main HEAD~1; git update-ref refs/remotes/main HEAD~1
        git update-ref refs/remotes/claude HEAD~1"),
    shape("refs: other refs with the name of the branch", r"
        base; git update-ref refs/main HEAD~1; git update-ref refs/changes/main HEAD~1"),
    shape("refs: a default branch in a directory", r"
        base; git branch -m main feature/x"),
    shape("refs: a default branch with the name of a whole ref", r"
        base; git branch -m main refs/heads/feature/x; git update-ref refs/heads/feature/x HEAD~1"),
    shape("refs: a default branch with the name heads/main", r"
        base; git branch -m main heads/main; git update-ref refs/heads/main HEAD~1"),
    shape("refs: a default branch with the name HEAD", r"
        base; git update-ref refs/heads/HEAD HEAD; git symbolic-ref HEAD refs/heads/HEAD"),
    shape("refs: a default branch with letters of other scripts", r#"
        base; git branch -m main "$(printf 'gr\303\266\303\237e/\346\227\245\346\234\254')""#),
    shape("refs: a default branch with unusual characters", r"
        base; git branch -m main 'a@b+c,d;e&f(g)#h'"),
    shape("refs: a default branch with a quote and a dollar sign", r#"
        base; git branch -m main 'it'"'"'s-"$x"'"#),
    shape("refs: a default branch with the name of an option", r"
        base; git update-ref refs/heads/--help HEAD; git symbolic-ref HEAD refs/heads/--help"),
    shape("refs: a default branch with a name of 200 bytes", r#"
        base; git branch -m main "$(printf %0200d 0)""#),
    shape("refs: a default branch below claude", r"
        base; git branch -m main claude/main"),
    shape("refs: other branches below claude", r"
        base; git branch claude/issue-1 HEAD~1; git branch claude/run-1/x HEAD~1"),
    shape("refs: a branch claude", r"
        base; git branch claude HEAD~1")
        .no_checkout(&["the branch `claude` of the repository prevents"]),
    shape("refs: a default branch claude", r"
        base; git branch -m main claude")
        .no_checkout(&["the branch `claude` of the repository prevents"]),
    shape("refs: a branch Claude", r"
        base; git branch Claude HEAD~1"),
    shape("refs: 20 000 branches", r"
        base; head=$(git rev-parse HEAD)
        seq -f %05.0f 20000 | sed 's,.*,'$head' refs/heads/team/&,' | sort -k 2 > ../lines
        (echo '# pack-refs with: peeled fully-peeled sorted '; echo $head refs/heads/main; cat ../lines) > .git/packed-refs
        rm .git/refs/heads/main"),
    shape("refs: packed refs alone", r"
        base; git branch side HEAD~1; git tag -a -m v1 v1; git pack-refs --all"),
    shape("refs: orphan branches", r"
        base; git update-ref refs/heads/pages $(git commit-tree -m pages $(git mktree </dev/null))
        git update-ref refs/heads/other $(git commit-tree -m other HEAD~2^{tree})"),
    shape("refs: an orphan branch as the default branch", r"
        base; git update-ref refs/heads/new $(git commit-tree -m new HEAD^{tree}); git symbolic-ref HEAD refs/heads/new"),
    shape("refs: a symbolic ref as branch", r"
        base; git branch trunk; git symbolic-ref refs/heads/alias refs/heads/trunk"),
    shape("refs: a commit without files", r"
        base; git update-ref HEAD $(git commit-tree -m empty -p HEAD $(git mktree </dev/null))")
        .act("echo x > new.txt", &[('A', b"new.txt", "100644", b"x\n")]),
    shape("refs: a merge of unrelated histories", r"
        base; other=$(git commit-tree -m other $(git mktree </dev/null))
        git update-ref HEAD $(git commit-tree -m merge -p HEAD -p $other HEAD^{tree})"),
    shape("refs: commits in Latin-1 and with empty names", r"
        base; tree=$(git rev-parse HEAD^{tree}); parent=$(git rev-parse HEAD)
        printf 'tree %s\nparent %s\nauthor  <> 0 +0000\ncommitter  <> 0 +0000\nencoding ISO-8859-1\n\nl\351gende\n' $tree $parent > ../commit
        git update-ref HEAD $(git hash-object -t commit -w ../commit)"),
];

/// Rows that a VCS host cannot have, because they exist only on the disk of a repository.
#[rustfmt::skip]
pub(crate) const ON_DISK: &[Shape] = &[
    shape("refs: a repository without a commit", "git init -q -b main repo")
        .no_checkout(&["has no commit on its default branch `main`"]),
    shape("refs: a HEAD without its branch", r"
        base; git symbolic-ref HEAD refs/heads/gone")
        .no_checkout(&["has no commit on its default branch `gone`"]),
    shape("refs: a HEAD that is a commit", "base; git update-ref --no-deref HEAD HEAD")
        .no_run("`git switch BRANCH`"),
    shape("refs: a default branch whose name is not UTF-8", r#"
        base; git branch -m main "$(printf 'not-\377-utf8')""#)
        .no_run("`git branch -m NAME`"),
    shape("refs: a checked-out symbolic ref", r"
        base; git branch -m main trunk; git symbolic-ref refs/heads/main refs/heads/trunk; git symbolic-ref HEAD refs/heads/main"),
    shape("refs: a side branch without its commit", r"
        base; printf '%040d\n' 1 > .git/refs/heads/damaged").unclonable(),
    shape("refs: a side branch with other contents", r"
        base; echo garbage > .git/refs/heads/garbage; : > .git/refs/heads/empty"),
    shape("refs: locks of an ended process", r"
        base; : > .git/index.lock; : > .git/refs/heads/main.lock; : > .git/HEAD.lock"),
    shape("refs: replaced objects", r"
        base; git replace HEAD HEAD~1; git replace $(git rev-parse HEAD:notes.txt) $(echo other | git hash-object -w --stdin)"),
    shape("refs: grafts", r"
        base; mkdir -p .git/info; git rev-parse HEAD > .git/info/grafts"),
    shape("refs: notes and a stash", r"
        base; git notes add -m note HEAD; git update-ref refs/stash HEAD~1"),
    shape("refs: a merge in progress", r"
        base; git rev-parse HEAD~1 > .git/MERGE_HEAD; mkdir .git/rebase-merge; echo refs/heads/main > .git/rebase-merge/head-name"),
    shape("refs: hidden refs", r"
        base; git config transfer.hideRefs refs/heads; git config uploadpack.hideRefs refs").unclonable(),
];
