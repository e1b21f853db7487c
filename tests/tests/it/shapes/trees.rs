//! Rows with unusual entries of trees, and large trees.

use super::shape::{NOTE, Shape, shape};

#[rustfmt::skip]
pub(crate) const SHAPES: &[Shape] = &[
    shape("trees: an executable file stays executable", "base")
        .act("echo x >> bin/run", &[('M', b"bin/run", "100755", b"#!/bin/sh\nx\n")]),
    shape("trees: a file becomes executable", "base")
        .act("chmod +x notes.txt", &[('M', b"notes.txt", "100755", b"one\ntwo\n")]),
    shape("trees: a file becomes a directory", "base")
        .act("rm notes.txt; mkdir notes.txt; echo x > notes.txt/a", &[
            ('D', b"notes.txt", "000000", b""), ('A', b"notes.txt/a", "100644", b"x\n"),
        ]),
    shape("trees: symbolic links that lead outside, nowhere and in a circle", r"
        base; printf ../../etc/passwd | put 120000 out; printf /etc/passwd | put 120000 absolute
        printf loop | put 120000 loop; printf nowhere | put 120000 dangling; printf src | put 120000 directory
        printf .git/config | put 120000 config; printf . | put 120000 self; commit"),
    shape("trees: 2 000 symbolic links", r"
        base; blob=$(printf ../notes.txt | git hash-object -w --stdin)
        tree '040000 tree' farm $(seq 2000 | sed 's,.*,120000 blob '$blob'\tl&,' | git mktree)"),
    shape("trees: a mode of old versions of git", r"
        base; tree '100664 blob' group.txt HEAD:notes.txt")
        .act("echo three >> notes.txt; echo three >> group.txt", &[
            ('M', b"group.txt", "100644", b"one\ntwo\nthree\n"), NOTE,
        ]),
    shape("trees: an empty file and a directory without files", r"
        base; : | put 100644 empty; commit; tree '040000 tree' void $(git mktree </dev/null)")
        .act("echo three >> notes.txt", &[NOTE]),
    shape("trees: everything is ignored", r"
        base; echo '*' | put 100644 .gitignore; commit"),
    shape("submodules: with .gitmodules", r"
        base; printf '[submodule \042lib\042]\n\tpath = lib\n\turl = ../lib\n' | put 100644 .gitmodules; link lib; commit"),
    shape("submodules: without .gitmodules", "base; link lib; link deep/er/lib; commit"),
    shape("submodules: .gitmodules without a submodule", r"
        base; printf '[submodule \042lib\042]\n\tpath = lib\n\turl = ../lib\n' | put 100644 .gitmodules; commit"),
    shape("submodules: .gitmodules in a directory", r"
        base; printf '[submodule \042lib\042]\n\tpath = lib\n\turl = ../lib\n' | put 100644 src/.gitmodules; link src/lib; commit"),
    shape("submodules: the agent removes the empty directory", "base; link lib; commit")
        .act("rmdir lib; echo three >> notes.txt", &[NOTE]),
    shape("submodules: the agent checks the submodule out", "base; link lib; commit")
        .act("git init -q lib; echo x > lib/x; echo three >> notes.txt", &[NOTE]),
    shape("submodules: the agent writes a file below", "base; link lib; commit")
        .refused("echo x > lib/x; echo three >> notes.txt", "the agent changed a submodule", &["lib"]),
    shape("submodules: the agent writes a file in its place", "base; link lib; commit")
        .refused("rmdir lib; echo x > lib", "the agent changed a submodule", &["lib"]),
    shape("submodules: a symbolic link .gitmodules", "base; tree '120000 blob' .gitmodules HEAD:notes.txt")
        .no_checkout(&["invalid path", ".gitmodules"]).unclonable(),
    shape("large: 10 000 files", r"
        base; files=$(seq 1000 | sed 's,.*,100644 blob '$(git rev-parse HEAD:notes.txt)'\tf&,' | git mktree)
        tree '040000 tree' many $(seq 10 | sed 's,.*,040000 tree '$files'\td&,' | git mktree)"),
    shape("large: 100 000 files", r"
        base; files=$(seq 1000 | sed 's,.*,100644 blob '$(git rev-parse HEAD:notes.txt)'\tf&,' | git mktree)
        tree '040000 tree' many $(seq 100 | sed 's,.*,040000 tree '$files'\td&,' | git mktree)").slow(),
    shape("large: 16 million files in a small repository", r"
        base; files=$(seq 256 | sed 's,.*,100644 blob '$(git rev-parse HEAD:notes.txt)'\tf&,' | git mktree)
        for level in 1 2; do files=$(seq 256 | sed 's,.*,040000 tree '$files'\td&,' | git mktree); done
        tree '040000 tree' many $files")
        .no_checkout(&["files and directories; a workspace may have at most 1000000"]).unclonable(),
    shape("large: 10 GiB in a small repository", r"
        base; blob=$(head -c 1048576 /dev/zero | git hash-object -w --stdin)
        files=$(seq 100 | sed 's,.*,100644 blob '$blob'\tf&,' | git mktree)
        tree '040000 tree' many $(seq 100 | sed 's,.*,040000 tree '$files'\td&,' | git mktree)")
        .no_checkout(&["bytes in total; a workspace may have at most 8589934592 bytes"]).unclonable(),
    shape("large: a file of 20 MiB", r"
        base; head -c 20971520 /dev/zero | put 100644 zeros; commit"),
    shape("large: a file over the limit of a workspace", r"
        base; head -c 20971520 /dev/zero | put 100644 zeros; commit").limit(16 << 20)
        .no_checkout(&["bytes in total; a workspace may have at most 16777216 bytes"]),
    shape("large: a file of 1 GiB over the limit of a workspace", r"
        base; head -c 1073741824 /dev/zero | put 100644 zeros; commit").limit(256 << 20)
        .no_checkout(&["bytes in total; a workspace may have at most 268435456 bytes"]).slow(),
];
