//! Joiners and variation selectors: characters that are not displayed, but that change how their
//! neighbours are displayed.

/// Returns whether `c` is a variation selector.
pub(crate) fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
}

/// Returns whether the variation selector `c` changes how the character before it is displayed.
pub(crate) fn selects(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is_after = |test: fn(char) -> bool| before.is_some_and(test);
    match c {
        '\u{fe0e}' | '\u{fe0f}' => match before {
            // A digit with a variation selector is the beginning of a keycap.
            Some('#' | '*' | '0'..='9') => after == Some('\u{20e3}'),
            _ => is_after(is_emoji),
        },
        '\u{180b}'..='\u{180d}' | '\u{180f}' => is_after(is_mongolian),
        _ => is_after(is_ideograph),
    }
}

/// Returns whether the joiner `c` makes one emoji of the emoji around it.
pub(crate) fn joins_emoji(before: char, c: char, after: char) -> bool {
    c == '\u{200d}'
        && (is_emoji(before) || matches!(before, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}'))
        && is_emoji(after)
}

/// Returns whether the Mongolian vowel separator between `before` and `after` changes how a word is
/// displayed.
pub(crate) fn separates_vowels(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(is_mongolian) && after.is_some_and(is_mongolian)
}

fn is_mongolian(c: char) -> bool {
    matches!(c, '\u{1820}'..='\u{18aa}')
}

pub(crate) fn is_indic(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17b3}'
        | '\u{17b6}'..='\u{17ff}' | '\u{1900}'..='\u{1cff}' | '\u{a800}'..='\u{abff}'
        | '\u{11000}'..='\u{11fff}')
}

/// Returns whether `c` is a character of a script whose letters are joined.
pub(crate) fn is_cursive(c: char) -> bool {
    matches!(c, '\u{610}'..='\u{61a}' | '\u{620}'..='\u{6dc}' | '\u{6de}'..='\u{6ff}'
        | '\u{710}'..='\u{7ff}' | '\u{840}'..='\u{85f}' | '\u{860}'..='\u{88f}'
        | '\u{897}'..='\u{8e1}' | '\u{8e3}'..='\u{8ff}' | '\u{1820}'..='\u{18aa}'
        | '\u{10d00}'..='\u{10d3f}' | '\u{1e900}'..='\u{1e95f}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Returns whether `c` is displayed as an emoji, alone or with a variation selector.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{20e3}' | '\u{2122}'
        | '\u{2139}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{24c2}'
        | '\u{25a0}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}
