//! Removal of text in the form of a token or a private key.

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;

/// Returns `text` without text in the form of a token or a private key (spec: S6c), or a mark in
/// place of the whole text if another thread sets `cancelled`. Without the feature `git`, returns
/// `text`, because the search for formats belongs to this feature.
pub(super) fn redact<'a>(text: &'a str, cancelled: &AtomicBool) -> Cow<'a, str> {
    #[cfg(feature = "git")]
    return crate::secret_scan::redact_until(text, cancelled);
    #[cfg(not(feature = "git"))]
    {
        let _ = cancelled;
        Cow::Borrowed(text)
    }
}
