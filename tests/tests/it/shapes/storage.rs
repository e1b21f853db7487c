//! Rows with unusual forms of a repository on the disk.

use super::shape::{Shape, shape};

#[rustfmt::skip]
pub(crate) const SHAPES: &[Shape] = &[
    shape("storage: a bare repository", "base; cd ..; git clone -q --bare repo bare.git").at("bare.git"),
    shape("storage: a worktree", "base; git worktree add -q -b side ../tree").at("tree"),
    shape("storage: a directory of a worktree", "base; git worktree add -q -b side ../tree").at("tree/bin"),
    shape("storage: a directory of a repository", "base; git reset -q --hard").at("repo/bin"),
    shape("storage: a symbolic link to a repository", "base; ln -s repo ../link").at("link"),
    shape("storage: a path with unusual characters", r#"base; mv ../repo ../'a: "b" $c'"#).at("a: \"b\" $c"),
    shape("storage: a git directory in another place", r"
        base; git init -q --separate-git-dir ../elsewhere"),
    shape("storage: objects in another repository", "base; cd ..; git clone -q --shared repo shared").at("shared"),
    shape("storage: objects in a repository that is gone", r"
        base; cd ..; git clone -q --shared repo shared; rm -r repo").at("shared")
        .no_run("lacks objects of the checked-out branch"),
    shape("storage: a shallow clone", r"
        base; cd ..; git clone -q --depth=1 file://$PWD/repo shallow").at("shallow")
        .no_run("fetch --unshallow`"),
    shape("storage: a clone without files", r"
        base; git config uploadpack.allowFilter true; cd ..
        git clone -q --no-checkout --filter=blob:none file://$PWD/repo partial").at("partial")
        .no_run("fetch --refetch --no-filter`"),
    shape("storage: a clone without trees", r"
        base; git config uploadpack.allowFilter true; cd ..
        git clone -q --no-checkout --filter=tree:0 file://$PWD/repo partial").at("partial")
        .no_run("fetch --refetch --no-filter`"),
    shape("storage: a clone of one branch", r"
        base; git branch side; cd ..; git clone -q --single-branch --no-tags repo single").at("single"),
    shape("storage: object names of SHA-256", "base --object-format=sha256")
        .no_run("supports only SHA-1"),
    shape("storage: refs in a reftable", r"
        git init -q --ref-format=reftable probe 2>/dev/null && base --ref-format=reftable || { cd ..; rm -rf repo; base; }"),
    shape("storage: commit graph, multi-pack index and bitmaps", r"
        base; git repack -adq --write-bitmap-index; git multi-pack-index write --bitmap
        git commit-graph write --reachable --split --changed-paths"),
    shape("storage: 60 packs", r"
        base; for i in $(seq 60); do echo $i | git hash-object -w --stdin | git pack-objects -q .git/objects/pack/pack >/dev/null; done
        git repack -dq"),
    shape("storage: a pack that git does not remove", r"
        base; git repack -adq; for pack in .git/objects/pack/*.pack; do : > ${pack%.pack}.keep; done"),
    shape("storage: a damaged commit graph", r"
        base; git commit-graph write --reachable; chmod u+w .git/objects/info/commit-graph; echo garbage > .git/objects/info/commit-graph"),
    shape("storage: a damaged index", "base; echo garbage > .git/index"),
    shape("storage: no index", "base; rm .git/index"),
    shape("storage: an object of the branch is missing", r"
        base; object=$(git rev-parse HEAD:notes.txt); rm -f .git/objects/$(echo $object | cut -c 1-2)/$(echo $object | cut -c 3-)")
        .no_checkout(&["`git fetch` failed"]).unclonable(),
    shape("storage: the commit of the branch is missing", r"
        base; printf '%040d\n' 1 > .git/refs/heads/main")
        .no_checkout(&["`git fetch` failed", "not our ref"]).unclonable(),
    shape("storage: a sparse checkout", r"
        base; git reset -q --hard; git sparse-checkout set --cone bin"),
    shape("storage: settings that change files", r"
        base; git config core.autocrlf true; git config core.eol crlf; git config core.fileMode false
        git config core.symlinks false; git config core.ignoreCase true; git config core.precomposeUnicode true
        git config core.quotePath false"),
    shape("storage: attributes and ignore patterns beside the refs", r"
        base; mkdir -p .git/info; echo '* text eol=crlf ident filter=x' > .git/info/attributes; echo '*' > .git/info/exclude"),
    shape("storage: changes that are not committed", r"
        base; git reset -q --hard; echo more >> notes.txt; echo x > new.txt; rm bin/run; git add --all; echo y > untracked"),
    shape("storage: a directory without a repository", "mkdir repo")
        .no_run("is not in a git repository"),
    shape("storage: an empty directory .git", "mkdir -p repo/.git")
        .no_run("is not in a git repository"),
    shape("storage: an empty file .git", "mkdir repo; : > repo/.git")
        .no_run("is not in a git repository"),
    shape("storage: a file .git that leads nowhere", "mkdir repo; echo 'gitdir: ../nowhere' > repo/.git")
        .no_run("is not in a git repository"),
];
