//! Attributes in the tree. They affect every git, even with a git directory that belongs to the
//! host.

use super::vector::{Vector, dies, keeps, lays_out, runs, shows};

const CLONE: &str = "git clone -q $REMOTE $AWAY/clone";
const NAMES: &str = "the agent's changes contain a file name that git rejects";
const FILTERED: &str = "the repository stores the changed files through a git filter, which does not run \
                        here: a commit would contain the files as they are";
const CONFIGURES: &str = "the agent changed protected files that configure git or approvals";

pub(crate) const VECTORS: &[Vector] = &[
    // Attributes of the repository, for a git whose configuration defines such a program.
    runs("tree: filter", "rm .git/info/attributes; git config filter.x.clean $EVIL", "git add -A")
        .over(&[("100644", ".gitattributes", b"* filter=x\n")])
        .refused(FILTERED, &["README.md"]),
    runs(
        "tree: filter in a directory",
        "rm .git/info/attributes; git config filter.x.clean $EVIL; echo x > bin/new",
        "git add -A",
    )
    .over(&[("100644", "bin/.gitattributes", b"* filter=x\n")])
    .refused(FILTERED, &["bin/new"]),
    runs(
        "tree: filter by a macro",
        "rm .git/info/attributes; git config filter.x.clean $EVIL",
        "git add -A",
    )
    .over(&[("100644", ".gitattributes", b"[attr]text filter=x\n* text\n")])
    .refused(FILTERED, &["README.md"]),
    runs(
        "tree: diff driver",
        "rm .git/info/attributes; git config diff.x.command $EVIL",
        "git diff",
    )
    .over(&[("100644", ".gitattributes", b"* diff=x\n")]),
    runs("tree: textconv", "rm .git/info/attributes; git config diff.x.textconv $EVIL", "git diff")
        .over(&[("100644", ".gitattributes", b"* diff=x\n")]),
    runs(
        "tree: merge driver",
        "rm .git/info/attributes; git config merge.x.driver $EVIL",
        "git stash -q; echo other > README.md; git commit -qam o; git stash pop",
    )
    .over(&[("100644", ".gitattributes", b"* merge=x\n")]),
    // Attributes of the repository that change checked out files.
    lays_out(
        "tree: smudge filter",
        "git clone -q -c filter.x.smudge='tr a-z b-za' $REMOTE $AWAY/clone",
    )
    .over(&[("100644", ".gitattributes", b"*.md filter=x\n")])
    .refused(FILTERED, &["README.md"]),
    lays_out("tree: ident", CLONE)
        .over(&[("100644", ".gitattributes", b"f ident\n"), ("100644", "f", b"$Id$\n")]),
    lays_out("tree: ident by a macro", CLONE)
        .over(&[("100644", ".gitattributes", b"[attr]x ident\nf x\n"), ("100644", "f", b"$Id$\n")]),
    lays_out("tree: working-tree-encoding", CLONE).over(&[
        ("100644", ".gitattributes", b"f working-tree-encoding=UTF-16\n"),
        ("100644", "f", b"h\xc3\xa9\n"),
    ]),
    // Attributes of the repository that change added files.
    keeps("tree: text", "rm .git/info/attributes; printf 'a\\r\\nc\\r\\n' > f")
        .over(&[("100644", ".gitattributes", b"f text\n"), ("100644", "f", b"a\r\nb\r\n")]),
    keeps("tree: ident in a changed file", "rm .git/info/attributes; echo '$Id: 2 $' > f")
        .over(&[("100644", ".gitattributes", b"f ident\n"), ("100644", "f", b"$Id$\n")]),
    dies("tree: encoding that a file does not have", "rm .git/info/attributes; printf odd > f")
        .over(&[
            ("100644", ".gitattributes", b"f working-tree-encoding=UTF-16\n"),
            ("100644", "f", b"h\xc3\xa9\n"),
        ]),
    // Attributes of the repository that change archives.
    shows(
        "tree: export-ignore",
        "",
        "git archive HEAD | tar -tf - | grep -qx f || echo gone",
        "gone",
    )
    .over(&[("100644", ".gitattributes", b"f export-ignore\n"), ("100644", "f", b"f\n")]),
    shows(
        "tree: export-subst",
        "",
        "git archive HEAD f | tar -xOf - | grep Format || echo rewritten",
        "rewritten",
    )
    .over(&[("100644", ".gitattributes", b"f export-subst\n"), ("100644", "f", b"$Format:%H$\n")]),
    // Attributes that the agent writes.
    runs(
        "new: filter",
        "rm .git/info/attributes; git config filter.x.clean $EVIL; \
         echo '* filter=x' > .gitattributes",
        "git add -A",
    )
    .refused(CONFIGURES, &[".gitattributes"]),
    runs(
        "new: filter in a directory",
        "rm .git/info/attributes; git config filter.x.clean $EVIL; echo x > bin/new; \
         echo '* filter=x' > bin/.gitattributes",
        "git add -A",
    )
    .refused(CONFIGURES, &["bin/.gitattributes"]),
    keeps(
        "new: text",
        "rm .git/info/attributes; echo '* text' > .gitattributes; \
         printf 'a\\r\\nb\\r\\n' > README.md",
    )
    .refused(CONFIGURES, &[".gitattributes"]),
    dies(
        "new: encoding that a file does not have",
        "rm .git/info/attributes; echo 'README.md working-tree-encoding=UTF-16' > .gitattributes",
    )
    .refused(CONFIGURES, &[".gitattributes"]),
    // The repository ignores this file: it is not pushed, but it affects git in the workspace.
    keeps(
        "new: text in an ignored .gitattributes",
        "rm .git/info/attributes; echo '* text' > docs/.gitattributes; \
         printf 'a\\r\\nb\\r\\n' > docs/guide.md",
    ),
    // Names that git treats as special.
    dies("new: .gitmodules as a symlink", "ln -s README.md .gitmodules")
        .refused(NAMES, &[".gitmodules"]),
    dies("new: .git after a backslash", "echo x > 'a\\.git'").refused(NAMES, &["a\\\\.git"]),
];
