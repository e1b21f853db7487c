//! The schemes of links.

/// Returns whether a browser opens `url` with a permitted scheme. A browser ignores control
/// characters and white space in a scheme. In raw HTML, it replaces entities such as `&#58;`.
pub(super) fn is_permitted(url: &str) -> bool {
    let plain: String = url.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let before_path = plain.split(['/', '?', '#']).next().unwrap_or_default();
    if before_path.contains('&') {
        return false;
    }
    match before_path.split_once(':') {
        Some((scheme, _)) => {
            ["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        }
        None => true,
    }
}
