//! Optional settings, for which an empty text means that they are not set.

/// Returns `setting` without surrounding white space, or `None` if it is empty or not set.
pub(super) fn set(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}
