//! Seeds: inputs from which the engine starts, and which the tests pass to the targets.
//!
//! The file `seeds/NAME.txt` contains the seeds of one target. Each line is one seed. A backslash
//! begins an escape as in a byte string of Rust. Lines that begin with `#` are comments.

use std::path::Path;

/// Returns the seeds of the target `name`.
///
/// # Panics
/// If the file with the seeds cannot be read or contains an invalid line.
#[must_use]
pub fn read(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let lines = text(&directory.join(format!("seeds/{name}.txt")));
    let lines = lines.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut seeds: Vec<Vec<u8>> = lines
        .map(|line| parse(line).unwrap_or_else(|| panic!("{name}: an invalid seed: {line}")))
        .collect();
    if name == "stream-json" {
        // The recordings of Claude Code's output.
        let corpus = directory.join("../../ccc-runner/tests/it/claude/corpus");
        let files = std::fs::read_dir(&corpus).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
        files.sort();
        seeds.extend(files.iter().map(|file| text(file).into_bytes()));
    }
    seeds
}

/// Returns `seed` as a line of a file with seeds.
#[must_use]
pub fn line(seed: &[u8]) -> String {
    let line = seed.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'");
    match line.strip_prefix('#') {
        Some(rest) => format!("\\x23{rest}"),
        // An empty line is not a seed.
        None if line.is_empty() => "\\".to_owned(),
        None => line,
    }
}

/// Returns the seed in `line`, or `None` if `line` is invalid.
#[must_use]
pub fn parse(line: &str) -> Option<Vec<u8>> {
    let mut seed = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes().iter();
    if line == "\\" {
        return Some(seed);
    }
    while let Some(byte) = rest.next() {
        seed.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'0' => b'\0',
                b'\\' => b'\\',
                b'x' => {
                    let digits = [*rest.next()?, *rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(seed)
}
