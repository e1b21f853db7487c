//! Truncation of texts that are longer than GitHub permits.

/// Returns `text` with at most `limit` characters. A longer text is cut, and a note about this is
/// added at the end (GitHub permits 65,536 characters; spec: X13b).
pub(super) fn truncated(text: &str, limit: usize) -> String {
    const CUT: &str = "\n\n*GitHub limits the length of this text. The rest did not fit here.*";
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let start: String = text.chars().take(limit.saturating_sub(CUT.len())).collect();
    start + CUT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_with_a_note() {
        // spec: X13b
        assert_eq!(truncated("aäb", 3), "aäb");
        let cut = truncated(&"ä".repeat(101), 100);
        assert_eq!(cut.chars().count(), 100);
        assert!(cut.starts_with("ää") && cut.ends_with("did not fit here.*"), "{cut}");
        assert_eq!(truncated(&"ä".repeat(100), 100), "ä".repeat(100));
    }
}
