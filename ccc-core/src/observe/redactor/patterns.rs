//! Removal of text in the form of a token or a private key.

use std::borrow::Cow;

/// Returns `text` without text in the form of a token or a private key (spec: S6c). Without the
/// feature `git`, returns `text`, because the search for formats belongs to this feature.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    #[cfg(feature = "git")]
    return crate::secret_scan::redact(text);
    #[cfg(not(feature = "git"))]
    return Cow::Borrowed(text);
}
