//! Checks for optional parts of the host machine, such as a container engine, that some tests need.

/// Returns the argument `present` unchanged. The caller passes `true` if the host machine has
/// `part`, such as a container engine.
///
/// If `present` is `false`, prints on standard error that a test is skipped, and prints `how`: the
/// instructions to install the part. The caller must then skip the test that needs the part.
///
/// # Panics
/// If `present` is `false` and the environment variable `CCC_REQUIRE`, a comma-separated list of
/// parts, contains `part`.
#[must_use]
#[allow(clippy::print_stderr, reason = "shown to the person who runs the tests")]
pub fn has_part(part: &str, present: bool, how: &str) -> bool {
    if !present {
        let required = std::env::var("CCC_REQUIRE").unwrap_or_default();
        let required = required.split([',', ' ']).any(|required| required == part);
        assert!(
            !required,
            "{part} is missing, and the environment variable CCC_REQUIRE requires it: {how}"
        );
        eprintln!("skipped a test because {part} is missing: {how}");
    }
    present
}
