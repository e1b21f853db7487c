//! Limits for the size of the example programs, in lines of code. Blank lines, comments and tests do
//! not count.

use std::path::Path;

/// Returns the number of lines of code of the example `name`. The test module counts only if
/// `tests` is true.
fn lines_of_code(name: &str, tests: bool) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.rs"));
    let text = std::fs::read_to_string(path).unwrap();
    let end = text.find("#[cfg(test)]").filter(|_| !tests).unwrap_or(text.len());
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    text[..end].lines().filter(code).count()
}

#[test]
fn an_embedder_needs_few_lines() {
    for (name, tests, limit) in [
        ("mount_service", false, 25),
        ("custom_agent", false, 30),
        ("custom_store", true, 60),
        ("custom_runner", true, 80),
        ("custom_host", false, 80),
        ("webhook_only", true, 80),
        ("observe", true, 80),
        ("github_emulator", true, 80),
    ] {
        let lines = lines_of_code(name, tests);
        println!("{name}: {lines} lines of code, limit {limit}");
        assert!(lines <= limit, "{name} has {lines} lines of code, limit {limit}");
    }
}
