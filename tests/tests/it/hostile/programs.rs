//! Configuration, hooks and git directories that make git run a program or write a file.

use super::vector::{Vector, dies, runs, writes};

const NESTED: &str = "the workspace contains a nested git repository";

pub(crate) const VECTORS: &[Vector] = &[
    // Settings that name a program.
    runs("core.fsmonitor", "git config core.fsmonitor $EVIL", "git status"),
    runs("alias", "git config alias.st '!$EVIL'", "git st"),
    runs("core.pager", "git config core.pager $EVIL", "script -qec 'git log' /dev/null"),
    runs("core.editor", "git config core.editor $EVIL", "git commit -a"),
    runs("sequence.editor", "git config sequence.editor $EVIL", "git stash -q; git rebase -i HEAD"),
    runs(
        "gpg.program",
        "git config commit.gpgSign true; git config gpg.program $EVIL",
        "git commit -qam x",
    ),
    runs(
        "gpg.ssh.program",
        "git config commit.gpgSign true; git config gpg.format ssh; \
         git config user.signingKey key::x; git config gpg.ssh.program $EVIL",
        "git commit -qam x",
    ),
    runs(
        "gpg.ssh.defaultKeyCommand",
        "git config commit.gpgSign true; git config gpg.format ssh; \
         git config gpg.ssh.defaultKeyCommand $EVIL",
        "git commit -qam x",
    ),
    runs("diff.external", "git config diff.external $EVIL", "git diff"),
    runs(
        "diff driver",
        "git config diff.x.command $EVIL; echo '* diff=x' > .git/info/attributes",
        "git diff",
    ),
    runs(
        "textconv",
        "git config diff.x.textconv $EVIL; echo '* diff=x' > .git/info/attributes",
        "git diff",
    ),
    runs("difftool", "git config diff.tool x; git config difftool.x.cmd $EVIL", "git difftool -y"),
    runs(
        "merge driver",
        "git config merge.x.driver $EVIL; echo '* merge=x' > .git/info/attributes",
        "git stash -q; echo other > README.md; git commit -qam o; git stash pop",
    ),
    runs("tar.*.command", "git config tar.tgz.command $EVIL", "git archive --format=tgz HEAD"),
    runs(
        "clean filter",
        "git config filter.x.clean $EVIL; echo '* filter=x' > .git/info/attributes",
        "git add -A",
    ),
    runs(
        "smudge filter",
        "git config filter.x.smudge $EVIL; echo '* filter=x' > .git/info/attributes",
        "rm README.md; git checkout -- README.md",
    ),
    runs(
        "process filter",
        "git config filter.x.process $EVIL; git config filter.x.required true; \
         echo '* filter=x' > .git/info/attributes",
        "git add -A",
    ),
    runs(
        "core.attributesFile",
        "git config filter.x.clean $EVIL; rm .git/info/attributes; \
         echo '* filter=x' > attributes; git config core.attributesFile \"$PWD/attributes\"",
        "git add -A",
    ),
    // Sources of settings.
    runs(
        "include.path",
        "printf '[core]\\n\\tfsmonitor = %s\\n' $EVIL > evil.cfg; \
         git config include.path ../evil.cfg",
        "git status",
    ),
    runs(
        "includeIf",
        "printf '[core]\\n\\tfsmonitor = %s\\n' $EVIL > evil.cfg; \
         git config includeIf.gitdir:/.path \"$PWD/evil.cfg\"",
        "git status",
    ),
    runs(
        "worktree configuration",
        "git config extensions.worktreeConfig true; git config --worktree core.fsmonitor $EVIL",
        "git status",
    ),
    runs(
        "commondir",
        "cp -a .git $AWAY/c; git --git-dir $AWAY/c config core.fsmonitor $EVIL; \
         echo $AWAY/c > .git/commondir",
        "git status",
    ),
    runs(
        ".git as a file",
        "git config core.fsmonitor $EVIL; mv .git $AWAY/g; echo \"gitdir: $AWAY/g\" > .git",
        "git status",
    ),
    runs(
        ".git as a symlink",
        "git config core.fsmonitor $EVIL; mv .git $AWAY/g; ln -s $AWAY/g .git",
        "git status",
    ),
    runs(
        ".git file that points into the workspace",
        "git config core.fsmonitor $EVIL; mv .git store; echo 'gitdir: store' > .git",
        "git status",
    ),
    // Hooks.
    runs(
        "core.hooksPath",
        "mkdir tool; cp $EVIL tool/post-index-change; git config core.hooksPath tool",
        "git add -A",
    ),
    runs(
        "post-index-change hook",
        "mkdir -p .git/hooks; cp $EVIL .git/hooks/post-index-change",
        "git add -A",
    ),
    runs(
        "pre-commit hook",
        "mkdir -p .git/hooks; cp $EVIL .git/hooks/pre-commit",
        "git commit -qam x",
    ),
    runs(
        "prepare-commit-msg hook",
        "mkdir -p .git/hooks; cp $EVIL .git/hooks/prepare-commit-msg",
        "git commit -qam x",
    ),
    runs(
        "commit-msg hook",
        "mkdir -p .git/hooks; cp $EVIL .git/hooks/commit-msg",
        "git commit -qam x",
    ),
    runs(
        "post-commit hook",
        "mkdir -p .git/hooks; cp $EVIL .git/hooks/post-commit",
        "git commit -qam x",
    ),
    runs(
        "post-checkout hook",
        "mkdir -p .git/hooks; cp $EVIL .git/hooks/post-checkout",
        "git checkout -qb x",
    ),
    runs(
        "reference-transaction hook",
        "mkdir -p .git/hooks; cp $EVIL .git/hooks/reference-transaction",
        "git commit -qam x",
    ),
    runs(
        "pre-push hook",
        "mkdir -p .git/hooks; cp $EVIL .git/hooks/pre-push",
        "git push $REMOTE HEAD:refs/heads/bait",
    ),
    // Nested repositories.
    runs(
        "nested repository with fsmonitor",
        "git init -q n; cd n; echo x > f; git add f; git commit -qm x; \
         git config core.fsmonitor $EVIL; cd ..; git add n 2>&-",
        "git status",
    )
    .refused(NESTED, &["n/.git"]),
    runs(
        "nested repository with a filter",
        "git init -q n; cd n; echo x > f; git add f; git commit -qm x; cd ..; git add n 2>&-; \
         cd n; mkdir -p .git/info; echo '* filter=x' > .git/info/attributes; echo y > f; \
         git config filter.x.clean $EVIL",
        "git status",
    )
    .refused(NESTED, &["n/.git"]),
    runs(
        "nested repository at an existing gitlink",
        "echo x > w; cd n; git init -q .; echo x > f; git add f; git commit -qm x; \
         git config core.fsmonitor $EVIL; rm .git/index",
        "git status",
    )
    .over(&[("160000", "n", b"1111111111111111111111111111111111111111")]),
    runs(
        "submodule.*.update",
        "echo x > w; cd n; git init -q .; echo x > f; git add f; git commit -qm x; cd ..; \
         git config submodule.n.url ./x; git config submodule.n.update '!$EVIL'",
        "git submodule update --no-fetch",
    )
    .over(&[
        ("100644", ".gitmodules", b"[submodule \"n\"]\n\tpath = n\n\turl = ./x\n"),
        ("160000", "n", b"1111111111111111111111111111111111111111"),
    ]),
    runs(
        "bare repository in an ordinary directory",
        "mkdir -p b/objects b/refs; echo 'ref: refs/heads/x' > b/HEAD; \
         printf '[core]\\n\\trepositoryFormatVersion = 0\\n\\tbare = false\\n\\tworktree = ..\\n\\t\
         fsmonitor = %s\\n' $EVIL > b/config",
        "cd b; git status",
    ),
    // Symlinks in the git directory, and files that make git fail.
    writes(
        "reflog as a symlink",
        "mkdir -p .git/logs; ln -sf $VICTIM .git/logs/HEAD",
        "git commit -qam x",
    ),
    writes("FETCH_HEAD as a symlink", "ln -sf $VICTIM .git/FETCH_HEAD", "git fetch -q $REMOTE"),
    writes(
        "COMMIT_EDITMSG as a symlink",
        "ln -sf $VICTIM .git/COMMIT_EDITMSG",
        "git commit -qam x",
    ),
    dies("broken configuration", "echo '[' > .git/config"),
    dies("broken index", "echo x > .git/index"),
    dies("locked index", ": > .git/index.lock"),
];
