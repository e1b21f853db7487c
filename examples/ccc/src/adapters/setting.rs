//! Optional settings. A setting with an empty text counts as not set.

/// Returns `setting` without surrounding white space, or `None` if it is empty or not set.
pub(super) fn non_empty(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}
