//! The short names of NTFS and FAT.

/// Maximum length of the part of a short name before the dot, in characters.
const MAX_BASE: usize = 8;
/// Maximum length of the part of a short name after the dot, in characters.
const MAX_EXTENSION: usize = 3;

/// A name in the form of a short name, such as `GITHUB~1`, `GI7D29~1` or `AZURE-~1.YML`. NTFS and
/// FAT can give a file a second name in this form, and open the file by either name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortName<'a> {
    prefix: &'a str,
    /// The number of digits after the `~`.
    digits: usize,
    extension: &'a str,
}

impl<'a> ShortName<'a> {
    /// Parses `name`, which must be [folded](super::fold). Returns `None` if `name` does not have
    /// the form of a short name.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let (prefix, number) = base.rsplit_once('~')?;
        let is_number =
            number.bytes().all(|digit| digit.is_ascii_digit()) && !number.starts_with('0');
        let fits = base.chars().count() <= MAX_BASE && extension.chars().count() <= MAX_EXTENSION;
        (fits && is_number && !number.is_empty() && !prefix.is_empty()).then_some(Self {
            prefix,
            digits: number.len(),
            extension,
        })
    }

    /// Returns the first character of the short name, which is also the
    /// [first character](first_character) of the long name.
    pub(crate) fn first_character(self) -> Option<char> {
        self.prefix.chars().next()
    }

    /// Returns whether NTFS or FAT can give this short name to a file with the
    /// [folded](super::fold) name `long`.
    ///
    /// The part before the `~` is the beginning of `long`. If several files have the same beginning,
    /// NTFS uses two characters of `long` and the four hexadecimal digits of a checksum instead. The
    /// checksum depends on the case of the long name, which is not known, so any digits count.
    pub(crate) fn can_be(self, long: &str) -> bool {
        if self.first_character() != first_character(long) {
            return false;
        }
        let (base, extension) = split(long);
        let room = self.room();
        let beginning: String = base.chars().take(room).collect();
        self.has_extension(&extension)
            && (self.prefix == beginning || self.is_checksum_of(&base, room))
    }

    /// Returns whether NTFS or FAT can give this short name to a file whose [folded](super::fold)
    /// name begins with `prefix` and ends with `suffix`.
    ///
    /// Returns `false` if `prefix` is empty and `suffix` is only a usual extension. Otherwise
    /// `A~1.YML` would match, which can be the short name of any file with the extension `yml`.
    pub(crate) fn can_match(self, prefix: &str, suffix: &str) -> bool {
        // The extension of the long name can begin before the end of `prefix`.
        if suffix.is_empty() && self.can_be(prefix) {
            return true;
        }
        let base = plain(prefix.trim_start_matches(['.', ' ']));
        let extension = suffix.rsplit_once('.').map(|(_, extension)| extension);
        if base.is_empty() {
            return extension.is_some_and(|extension| {
                extension.len() > MAX_EXTENSION && self.has_extension(extension)
            });
        }
        let room = self.room();
        let beginning: String = base.chars().take(room).collect();
        extension.is_none_or(|extension| self.has_extension(extension))
            && (self.prefix.starts_with(&beginning) || self.is_checksum_of(&base, room))
    }

    /// Returns the number of characters of the long name before the `~`.
    fn room(self) -> usize {
        (MAX_BASE - 1).saturating_sub(self.digits).min(6)
    }

    /// Returns whether the extension of this short name is the beginning of `extension`.
    fn has_extension(self, extension: &str) -> bool {
        extension.chars().take(MAX_EXTENSION).eq(self.extension.chars())
    }

    fn is_checksum_of(self, base: &str, room: usize) -> bool {
        let two: String = base.chars().take(2).collect();
        self.prefix.strip_prefix(two.as_str()).is_some_and(|checksum| {
            let expected = room.saturating_sub(two.chars().count()).min(4);
            checksum.len() == expected
                && expected > 0
                && checksum.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    }
}

/// Returns the first character of the short names of the [folded](super::fold) name `long`.
pub(crate) fn first_character(long: &str) -> Option<char> {
    long.chars().find(|c| !matches!(c, '.' | ' ')).map(allowed)
}

/// Splits `long` into the characters that a short name can contain before and after its dot. Dots
/// at the start are no separators.
fn split(long: &str) -> (String, String) {
    let long = long.trim_start_matches(['.', ' ']);
    let (base, extension) = long.rsplit_once('.').unwrap_or((long, ""));
    (plain(base), plain(extension))
}

/// Returns `text` without dots and spaces, and with `_` instead of each of the characters `+,;=[]`,
/// which a short name cannot contain.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '.' | ' ')).map(allowed).collect()
}

fn allowed(c: char) -> char {
    if "+,;=[]".contains(c) { '_' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(short: &str, long: &str, expected: bool) {
        let found = ShortName::parse(short).is_some_and(|short| short.can_be(long));
        assert_eq!(found, expected, "{short} {long}");
    }

    #[test]
    fn short_names_of_a_long_name_are_found() {
        // spec: X17a
        for (short, long, expected) in [
            ("github~1", ".github", true),
            ("github~9", ".github", true),
            ("githu~10", ".github", true),
            ("gith~100", ".github", true),
            ("gi3b0d~1", ".github", true),
            ("gi3b0~12", ".github", true),
            // The checksums that git's source gives for these names.
            ("gi7eba~1", ".gitmodules", true),
            ("gi7d29~1", ".gitattributes", true),
            ("maba30~1", ".mailmap", true),
            ("claude~1.md", "claude.local.md", true),
            ("clf00d~1.md", "claude.local.md", true),
            ("azure-~1.yml", "azure-pipelines.yml", true),
            ("travis~1.yml", ".travis.yml", true),
            ("dir-lo~1.el", ".dir-locals.el", true),
            ("mise~1.tom", ".mise.toml", true),
            ("mcp~1.jso", ".mcp.json", true),
            ("a_b~1", "a+b", true),
            ("github~1", ".gitlab", false),
            ("github~0", ".github", false),
            ("github~01", ".github", false),
            ("github~", ".github", false),
            ("github-1", ".github", false),
            ("githubx~1", ".github", false),
            ("githu~1", ".github", false),
            ("github~1.yml", ".github", false),
            ("claude~1", "claude.local.md", false),
            ("claude~1.mdx", "claude.local.md", false),
            ("gizzzz~1", ".github", false),
            ("a~1.txt", ".github", false),
            ("~1", ".git", false),
            ("git~1~1", ".git", false),
        ] {
            check(short, long, expected);
        }
    }

    #[test]
    fn short_names_of_a_pattern_are_found() {
        // spec: X17a
        for (short, prefix, suffix, expected) in [
            ("projec~1.cod", "", ".code-workspace", true),
            ("a~12.cod", "", ".code-workspace", true),
            ("azure-~1.yml", "azure-pipelines", ".yml", true),
            ("az01ff~1.yml", "azure-pipelines", ".yml", true),
            ("aiderc~1.yml", ".aider", "", true),
            ("misepr~1.tom", ".mise.", ".toml", true),
            ("init~1.gra", "init.gradle", "", true),
            ("initgr~1.kts", "init.gradle", "", true),
            ("azure-~1.txt", "azure-pipelines", ".yml", false),
            ("a~1.yml", "", ".gitlab-ci.yml", false),
            ("a~1.yml", "azure-pipelines", ".yml", false),
            ("raider~1.yml", ".aider", "", false),
        ] {
            let found = ShortName::parse(short).is_some_and(|it| it.can_match(prefix, suffix));
            assert_eq!(found, expected, "{short} {prefix}*{suffix}");
        }
    }
}
