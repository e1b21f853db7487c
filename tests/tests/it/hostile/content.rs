//! Configuration, index entries and objects that make git stage other content than the files have.

use super::vector::{Vector, keeps};

pub(crate) const VECTORS: &[Vector] = &[
    // Changes that are hidden from git.
    keeps("info/exclude", "echo new > new; mkdir -p .git/info; echo new > .git/info/exclude"),
    keeps(
        "core.excludesFile",
        "echo new > new; echo new > $AWAY/x; git config core.excludesFile $AWAY/x",
    ),
    keeps("assume-unchanged", "git update-index --assume-unchanged README.md"),
    keeps("skip-worktree", "git update-index --skip-worktree README.md"),
    keeps(
        "sparse checkout",
        "git config core.sparseCheckout true; mkdir -p .git/info; \
         echo /docs/ > .git/info/sparse-checkout; git update-index --skip-worktree README.md",
    ),
    keeps(
        "index with a false timestamp",
        "git config core.trustctime false; git config core.checkStat minimal; \
         touch -r docs/guide.md $AWAY/t; printf 'six\\ntwo\\n' > docs/guide.md; \
         touch -r $AWAY/t docs/guide.md; touch -d 2100-01-01 .git/index",
    ),
    keeps("core.fileMode", "git config core.fileMode false; chmod +x README.md"),
    keeps("core.ignoreCase", "git config core.ignoreCase true; echo x > readme.md"),
    keeps(
        "core.symlinks",
        "git config core.symlinks false; rm docs/readme; printf /etc/passwd > docs/readme",
    ),
    // Content that only git's metadata shows.
    keeps(
        "file only in the index",
        "x=$(echo forged | git hash-object -w --stdin); \
         git update-index --add --cacheinfo 100644,$x,forged; \
         git update-index --skip-worktree forged",
    ),
    keeps(
        "core.worktree",
        "mkdir $AWAY/w; echo host > $AWAY/w/secret; git config core.worktree $AWAY/w",
    ),
    keeps(
        "replace ref",
        "x=$(git hash-object -w README.md); git replace $x $(echo forged | git hash-object -w --stdin)",
    ),
    keeps(
        "object stored under a false id",
        "x=$(git hash-object README.md); y=$(echo forged! | git hash-object -w --stdin); \
         cd .git/objects; mkdir -p ${x%${x#??}}; mv ${y%${y#??}}/${y#??} ${x%${x#??}}/${x#??}",
    ),
    keeps(
        "alternates with an object under a false id",
        "x=$(git hash-object README.md); y=$(echo forged! | git hash-object -w --stdin); \
         mkdir -p $AWAY/o/${x%${x#??}} .git/objects/info; echo $AWAY/o > .git/objects/info/alternates; \
         mv .git/objects/${y%${y#??}}/${y#??} $AWAY/o/${x%${x#??}}/${x#??}",
    ),
    // Content that git rewrites.
    keeps(
        "clean filter that rewrites content",
        "git config filter.x.clean 'sed s/changed/forged/'; \
         echo '* filter=x' > .git/info/attributes",
    ),
    keeps(
        "core.autocrlf",
        "rm .git/info/attributes; git config core.autocrlf input; \
         printf 'a\\r\\nb\\r\\n' > README.md",
    ),
    keeps(
        "info/attributes with text",
        "echo '* text' > .git/info/attributes; printf 'a\\r\\nb\\r\\n' > README.md",
    ),
    keeps(
        "info/attributes with ident",
        "echo '* ident' > .git/info/attributes; echo '$Id: 1 $' > README.md",
    ),
    keeps(
        "info/attributes with an encoding",
        "echo 'README.md working-tree-encoding=UTF-16LE' > .git/info/attributes; \
         printf 'a\\0b\\0' > README.md",
    ),
];
