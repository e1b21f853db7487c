//! Recognition of words in text without spaces, such as identifiers.

/// The pairs of letters that are most common in English text, which are also common in identifiers.
const COMMON: &str = "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as \
    ou io le ve co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec \
    pr no ct us ac ot il tr ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts \
    mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev ld ry mp fe bl ab ty op ex ke ap ss";

/// For each letter, one bit for each letter that commonly follows it.
static PAIRS: [u32; 26] = {
    let (text, mut pairs, mut at) = (COMMON.as_bytes(), [0_u32; 26], 0);
    while at + 1 < text.len() {
        if text[at] != b' ' && text[at + 1] != b' ' {
            pairs[(text[at] - b'a') as usize] |= 1 << (text[at + 1] - b'a');
            at += 1;
        }
        at += 1;
    }
    pairs
};

/// Minimum number of pairs of letters that are judged.
const MIN_PAIRS: u32 = 8;

/// Returns the share of the pairs of neighbouring letters of `value` that are common in words: about one
/// fifth in random text, and three quarters in identifiers. The share of few pairs is 0.
pub(super) fn wordiness_of(value: &[u8]) -> f64 {
    let (mut common, mut all) = (0_u32, 0_u32);
    for pair in value.windows(2).filter(|pair| pair.iter().all(u8::is_ascii_alphabetic)) {
        let [first, second] = [0, 1].map(|at| pair[at].to_ascii_lowercase() - b'a');
        common += PAIRS[usize::from(first)] >> second & 1;
        all += 1;
    }
    if all < MIN_PAIRS { 0.0 } else { f64::from(common) / f64::from(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_from_random_text() {
        // spec: X10d
        for (value, expected) in [
            ("getTokenFromRequestHeaders", true),
            ("components.PasswordReset.TokenField", true),
            ("App1ConfigForProd2Cluster3West4", true),
            ("q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3", false),
            ("QzxKvbHqPwtYjGmRfLkD", false),
            ("0123456789", false),
        ] {
            assert_eq!(wordiness_of(value.as_bytes()) > 0.5, expected, "{value}");
        }
    }
}
