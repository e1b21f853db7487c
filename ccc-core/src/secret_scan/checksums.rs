//! Recognition of lists of checksums and commits, whose names can contain the words of secrets: the
//! section `SPEC CHECKSUMS` of `Podfile.lock` has the checksum of each library.

/// Maximum number of bytes before a value that are read.
const MAX_LIST: usize = 8 << 10;

/// Maximum number of bytes of a name in the line of the value.
const MAX_NAME: usize = 48;

/// Words in the names of lists of checksums and commits, in lower case.
const LISTS: &[&[u8]] = &[b"checksum", b"hashes", b"digest", b"commits", b"revisions"];

/// The search for lists of checksums in one text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checksums {
    last: Option<Checked>,
}

/// The last value that was checked. The values of a list are checked one after the other.
#[derive(Clone, Copy, Debug)]
struct Checked {
    line: usize,
    indentation: usize,
    is_checksum: bool,
}

impl Checksums {
    /// Returns whether the value at `start` is in a list of checksums: the next line before it with less
    /// indentation names one. Adds the number of bytes that are read to `steps`.
    pub(super) fn contain(&mut self, bytes: &[u8], start: usize, steps: &mut usize) -> bool {
        let least = start.saturating_sub(MAX_LIST);
        let mut end = start;
        let mut own = None;
        while end > least {
            let line =
                memchr::memrchr(b'\n', &bytes[least..end]).map_or(least, |at| least + at + 1);
            let text = &bytes[line..end];
            *steps += text.len() + 1;
            let indentation = text.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            match own {
                // The name can say so itself, as in `checksum/secret: …`.
                None if names_list(&text[text.len().saturating_sub(MAX_NAME)..]) => return true,
                None => own = Some((line, indentation)),
                Some((first, own)) => {
                    let known =
                        self.last.filter(|last| last.line == line && last.indentation == own);
                    let is_above = indentation < own && !text.trim_ascii().is_empty();
                    if known.is_some() || is_above {
                        let is_checksum = known.map_or_else(|| names_list(text), |k| k.is_checksum);
                        self.last = Some(Checked { line: first, indentation: own, is_checksum });
                        return is_checksum;
                    }
                }
            }
            end = line.saturating_sub(1);
        }
        false
    }
}

fn names_list(line: &[u8]) -> bool {
    let line = line[..line.len().min(128)].to_ascii_lowercase();
    LISTS.iter().any(|name| memchr::memmem::find(&line, name).is_some())
}
