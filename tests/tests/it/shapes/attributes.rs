//! Rows with attributes of git: line ends, filters and expansions.

use super::shape::{Shape, shape};

const LFS: &str = "instead of pointers";
const FILTER: &str = "git filter";

#[rustfmt::skip]
pub(crate) const SHAPES: &[Shape] = &[
    shape("attributes: CRLF without attributes", r"
        base; printf 'a\r\nb\r\n' | put 100644 dos.txt; commit")
        .act(r"printf 'c\r\n' >> dos.txt", &[('M', b"dos.txt", "100644", b"a\r\nb\r\nc\r\n")]),
    shape("attributes: text=auto, a line with CRLF is added", r"
        base; echo '* text=auto' | put 100644 .gitattributes; commit")
        .act(r"printf 'three\r\n' >> notes.txt", &[super::shape::NOTE]),
    shape("attributes: text=auto, CRLF in the index", r"
        base; echo '* text=auto' | put 100644 .gitattributes
        printf 'a\r\nb\r\n' | put 100644 dos.txt; commit")
        .act(r"printf 'c\r\n' >> dos.txt", &[('M', b"dos.txt", "100644", b"a\r\nb\r\nc\r\n")]),
    shape("attributes: eol=crlf, LF in the index", r"
        base; echo '*.bat text eol=crlf' | put 100644 .gitattributes
        printf 'a\nb\n' | put 100644 run.bat; commit")
        .act(r"printf 'c\r\n' >> run.bat", &[('M', b"run.bat", "100644", b"a\nb\nc\n")]),
    shape("attributes: eol=crlf, CRLF in the index", r"
        base; echo '*.bat text eol=crlf' | put 100644 .gitattributes
        printf 'a\r\nb\r\n' | put 100644 run.bat; commit")
        .act(r"printf 'c\r\n' >> run.bat", &[('M', b"run.bat", "100644", b"a\r\nb\r\nc\r\n")]).dirty(),
    shape("attributes: eol=lf, CRLF in another file of the index", r"
        base; echo '* text eol=lf' | put 100644 .gitattributes
        printf 'a\r\nb\r\n' | put 100644 dos.txt; commit").dirty(),
    shape("attributes: line ends in a directory", r"
        base; echo '*.txt text eol=crlf' | put 100644 win/.gitattributes
        printf 'a\n' | put 100644 win/a.txt; commit")
        .act(r"printf 'b\r\n' >> win/a.txt", &[('M', b"win/a.txt", "100644", b"a\nb\n")]),
    shape("attributes: working-tree-encoding", r"
        base; echo '*.u16 working-tree-encoding=UTF-16' | put 100644 .gitattributes
        printf 'h\303\251\n' | put 100644 a.u16; commit"),
    shape("attributes: working-tree-encoding of a changed file", r"
        base; echo '*.u16 working-tree-encoding=UTF-16' | put 100644 .gitattributes
        printf 'h\303\251\n' | put 100644 a.u16; commit")
        .act("echo x >> a.u16", &[('M', b"a.u16", "100644", b"h\xc3\xa9\nx\n")]),
    shape("attributes: ident", r"
        base; echo '*.c ident' | put 100644 .gitattributes; echo '/* $Id$ */' | put 100644 a.c; commit")
        .act("echo x >> a.c", &[('M', b"a.c", "100644", b"/* $Id$ */\nx\n")]),
    shape("attributes: export-subst and export-ignore", r"
        base; printf 'version export-subst\nsrc export-ignore\n' | put 100644 .gitattributes
        echo '$Format:%H$' | put 100644 version; commit")
        .act("echo x >> version", &[('M', b"version", "100644", b"$Format:%H$\nx\n")]),
    shape("attributes: a symbolic link as attributes file", r"
        base; printf notes.txt | put 120000 .gitattributes; commit")
        .refused("echo three >> notes.txt", "configure git or approvals", &["notes.txt (the symlink .gitattributes leads to it)"]),
    shape("attributes: a link to unrelated patterns as ignore file", r"
        base; printf src | put 120000 .gitignore; commit"),
    shape("LFS: pointers", r"
        base; echo '*.bin filter=lfs diff=lfs merge=lfs -text' | put 100644 .gitattributes
        printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 1\n' 0 | put 100644 a.bin; commit"),
    shape("LFS: a moved pointer", r"
        base; echo '*.bin filter=lfs diff=lfs merge=lfs -text' | put 100644 .gitattributes
        printf 'version https://git-lfs.github.com/spec/v1\nx\n' | put 100644 a.bin; commit")
        .act("mv a.bin b.bin", &[
            ('D', b"a.bin", "000000", b""),
            ('A', b"b.bin", "100644", b"version https://git-lfs.github.com/spec/v1\nx\n"),
        ]),
    shape("LFS: a new file that is no pointer", r"
        base; echo '*.bin filter=lfs diff=lfs merge=lfs -text' | put 100644 .gitattributes; commit")
        .refused("echo data > new.bin", LFS, &["new.bin"]),
    shape("LFS: a file of the base that is no pointer", r"
        base; echo '*.bin filter=lfs diff=lfs merge=lfs -text' | put 100644 .gitattributes
        echo data | put 100644 a.bin; commit"),
    shape("LFS: attributes in a directory and a macro", r"
        base; printf '[attr]large filter=lfs -text\n' | put 100644 .gitattributes
        echo '*.bin large' | put 100644 data/.gitattributes; commit")
        .refused("echo data > data/new.bin", LFS, &["data/new.bin"]),
    shape("git-crypt: encrypted files", r"
        base; echo '*.key filter=git-crypt diff=git-crypt' | put 100644 .gitattributes
        printf '\0GITCRYPT\0x' | put 100644 s.key; commit"),
    shape("git-crypt: a changed file", r"
        base; echo '*.key filter=git-crypt diff=git-crypt' | put 100644 .gitattributes
        printf '\0GITCRYPT\0x' | put 100644 s.key; commit")
        .refused("echo plain > s.key", FILTER, &["s.key"]),
    shape("transcrypt: a changed file", r"
        base; echo 'sensitive filter=crypt diff=crypt merge=crypt' | put 100644 .gitattributes
        echo U2FsdGVkX1x= | put 100644 sensitive; commit")
        .refused("echo plain > sensitive", FILTER, &["sensitive"]),
    shape("filter: a filter that no program here knows", r"
        base; echo '*.ipynb filter=nbstripout' | put 100644 .gitattributes
        echo '{}' | put 100644 a.ipynb; commit")
        .refused("echo '{ }' > a.ipynb", FILTER, &["a.ipynb"]),
];
