//! Removal of text in the form of a token or a private key.

use std::borrow::Cow;

/// Returns `text` without text in the form of a token or a private key (spec: S6c).
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}
