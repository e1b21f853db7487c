//! Parts of the environment, such as an engine, that a test needs and that a host machine can lack.

/// Returns `there`: whether the test can run because the `part` that it needs is present.
///
/// If it is missing, prints a line that explains `how` to get it. The caller then skips the test.
///
/// # Panics
/// If the part is missing and the environment variable `CCC_REQUIRE`, a comma-separated list, names
/// it.
#[must_use]
#[allow(clippy::print_stderr, reason = "shown to the person who runs the tests")]
pub fn has_part(part: &str, there: bool, how: &str) -> bool {
    if !there {
        let required = std::env::var("CCC_REQUIRE").unwrap_or_default();
        let required = required.split([',', ' ']).any(|required| required == part);
        assert!(!required, "{part} is missing, and CCC_REQUIRE requires it: {how}");
        eprintln!("skipped a test because {part} is missing: {how}");
    }
    there
}
