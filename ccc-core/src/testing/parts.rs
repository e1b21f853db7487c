//! Real parts that a test needs, and a machine may lack.

/// Whether a test goes on: the `part` that it needs is `there`. Where it is not, the test is left out with a
/// word, which says `how` to get it.
///
/// # Panics
/// Where the part is not there and the variable `CCC_REQUIRE`, a list with commas, names it.
#[must_use]
#[allow(clippy::print_stderr, reason = "for whoever runs the tests")]
pub fn has_part(part: &str, there: bool, how: &str) -> bool {
    if !there {
        let required = std::env::var("CCC_REQUIRE").unwrap_or_default();
        let required = required.split([',', ' ']).any(|required| required == part);
        assert!(!required, "{part} is required and missing: {how}");
        eprintln!("left out: what needs {part}: {how}");
    }
    there
}
