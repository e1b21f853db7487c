//! Truncation of texts that are longer than GitHub permits.

/// Returns `text` with at most `limit` characters. The end of a longer text is replaced by a note
/// about the missing text (GitHub permits 65,536 characters; spec: X13b).
pub(super) fn truncated(text: &str, limit: usize) -> String {
    const CUT: &str =
        "\n\n*The end of this text is missing, because GitHub limits the length of a text.*";
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
        assert!(cut.starts_with("ää") && cut.ends_with("the length of a text.*"), "{cut}");
        assert_eq!(truncated(&"ä".repeat(100), 100), "ä".repeat(100));
    }
}
