//! Rows with unusual names and paths of files.

use super::shape::{Shape, shape};

const UNPRINTABLE: &str = "file names that are not printable UTF-8";

#[rustfmt::skip]
pub(crate) const SHAPES: &[Shape] = &[
    shape("names: unusual characters in unchanged files", r#"
        base
        for name in "$(printf 'new\nline')" "$(printf 'a\tb')" "$(printf 'not-\377-utf8')" 'say "hi"' "it's" \
          '-rf' '--help' 'dot.' 'space ' ' space' '$(touch x)' ':(glob)*' '*' '?' '#x' '!x' 'a  b' '~' 'a;b' '@{1}' '@'; do
          echo x | put 100644 "$name"
        done
        commit"#),
    shape("names: a changed name with a quote", r#"
        base; echo one | put 100644 'say "hi"'; commit"#)
        .act(r#"echo two >> 'say "hi"'"#, &[('M', b"say \"hi\"", "100644", b"one\ntwo\n")]),
    shape("names: a changed name with a leading dash", r"
        base; echo one | put 100644 -rf; commit")
        .act("echo two >> ./-rf", &[('M', b"-rf", "100644", b"one\ntwo\n")]),
    shape("names: a changed name with magic of git", r"
        base; echo one | put 100644 ':(glob)*'; commit")
        .act("echo two >> ':(glob)*'", &[('M', b":(glob)*", "100644", b"one\ntwo\n")]),
    shape("names: a changed name with a trailing dot", r"
        base; echo one | put 100644 dot.; commit")
        .act("echo two >> dot.", &[('M', b"dot.", "100644", b"one\ntwo\n")]),
    shape("names: a changed name with a trailing space", r"
        base; echo one | put 100644 'space '; commit")
        .refused("echo two >> 'space '", "begin or end with white space", &[r"space\u{20}"]),
    shape("names: a changed name with a line break", r#"
        base; echo one | put 100644 "$(printf 'new\nline')"; commit"#)
        .refused(r#"echo two >> "$(printf 'new\nline')""#, UNPRINTABLE, &[r"new\nline"]),
    shape("names: a changed name that is not UTF-8", r#"
        base; echo one | put 100644 "$(printf 'not-\377-utf8')"; commit"#)
        .refused(r#"echo two >> "$(printf 'not-\377-utf8')""#, UNPRINTABLE, &[r"not-\u{fffd}-utf8"]),
    shape("names: case twins", r"
        base; for name in README readme ReadMe Lib/a lib/a; do echo $name | put 100644 $name; done; commit")
        .act("echo two >> readme; echo two >> lib/a", &[
            ('M', b"lib/a", "100644", b"lib/a\ntwo\n"),
            ('M', b"readme", "100644", b"readme\ntwo\n"),
        ]),
    shape("names: twins in the normal forms C and D", r#"
        base; for name in 'caf\303\251' 'cafe\314\201'; do echo one | put 100644 "$(printf "$name")"; done; commit"#)
        .act(r#"echo two >> "$(printf 'cafe\314\201')""#, &[('M', b"cafe\xcc\x81", "100644", b"one\ntwo\n")]),
    shape("names: 255 bytes", r#"
        base; echo one | put 100644 "$(printf %0255d 0)"; commit"#)
        .act(r#"echo two >> "$(printf %0255d 0)""#, &[('M', &[b'0'; 255], "100644", b"one\ntwo\n")]),
    shape("names: 256 bytes", r#"
        base; echo one | put 100644 "$(printf %0256d 0)"; commit"#)
        .no_checkout(&["a name of more than 255 bytes"]),
    shape("names: a path of 4 095 bytes", r#"
        base; deep=$(printf %0200d/ 0); path=; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do path=$path$deep; done
        echo one | put 100644 "$path$(printf %075d 0)"; commit"#),
    shape("names: a path of 4 096 bytes", r#"
        base; deep=$(printf %0200d/ 0); path=; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do path=$path$deep; done
        echo one | put 100644 "$path$(printf %076d 0)"; commit"#)
        .no_checkout(&["a path of more than 4095 bytes"]),
    shape("names: 150 directories in each other", r#"
        base; echo one | put 100644 "$(printf 'd/%.0s' $(seq 150))f"; commit"#)
        .act(r#"echo two >> "$(printf 'd/%.0s' $(seq 150))f""#, &[('M', &DEEP, "100644", b"one\ntwo\n")]),
    // `git update-index` does not accept these names, but a server can have them.
    shape("names: .GIT", r"
        base; tree '040000 tree' .GIT HEAD^{tree}")
        .no_checkout(&["invalid path", ".GIT"]).unclonable(),
    shape("names: git~1", r"
        base; tree '040000 tree' git~1 HEAD^{tree}")
        .no_checkout(&["invalid path", "git~1"]).unclonable(),
    shape("names: ..", r"
        base; tree '040000 tree' .. HEAD^{tree}")
        .no_checkout(&[]).unclonable(),
    shape("names: names that Windows reserves", r"
        base; for name in con aux.txt nul com1; do echo x | put 100644 $name; done; commit"),
];

/// The path of a file in 150 directories.
const DEEP: [u8; 301] = {
    let mut path = [b'd'; 301];
    let mut at = 1;
    while at < 300 {
        path[at] = b'/';
        at += 2;
    }
    path[300] = b'f';
    path
};
