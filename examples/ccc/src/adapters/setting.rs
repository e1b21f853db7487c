//! Settings that are empty if they are not set.

/// Returns a setting without surrounding white space, or `None` if it is empty.
pub(super) fn set(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}
