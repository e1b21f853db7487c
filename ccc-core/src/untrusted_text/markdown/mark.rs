//! The marks that replace hidden text. Each mark has the same Markdown structure as the text that
//! it replaces, so that the rest of the document keeps its meaning.

/// The mark in the place of a text, such as the title of a link.
pub(super) const TEXT: &str = "hidden text removed";
/// The mark in the place of a block or of raw HTML. A reader of the Markdown source sees the mark,
/// and a page still shows nothing.
pub(super) const COMMENT: &str = "<!-- hidden text removed -->";
/// The mark in the place of attributes and of names of unknown elements.
pub(super) const ATTRIBUTE: &str = "hidden-text-removed";
/// The mark in the place of a link's target.
pub(super) const TARGET: &str = "#hidden-text-removed";
