//! The patterns of protected names.

use crate::file_name::{ShortName, first_character, fold};

/// A pattern for paths of protected files. A pattern is a name, or several names with `/` between
/// them, and matches them at any depth of the repository.
///
/// - A `*` in a name stands for any characters. At the end of a name, it does not match the name of
///   a document, such as `Jenkinsfile.md`.
/// - A `/` at the start restricts the pattern to the root of the repository.
/// - A `$` at the end restricts the pattern to files: it does not match a directory's contents.
/// - A `=` at the start restricts the pattern, which is one name, to this spelling. Such a pattern is
///   for names that are ordinary files in other spellings.
///
/// Otherwise, names are compared in their [folded](fold) form, and the short names of NTFS match too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Pattern {
    parts: Vec<Part>,
    is_at_root: bool,
    is_file: bool,
    /// The only spelling of the pattern's name, if other spellings do not match.
    spelling: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Name(String),
    Wild { prefix: String, suffix: String },
}

impl Pattern {
    pub(in crate::policy) fn parse(text: &str) -> Self {
        let (names, is_file) = text.strip_suffix('$').map_or((text, false), |names| (names, true));
        let (names, spelling) = match names.strip_prefix('=') {
            Some(name) => (name, Some(name.to_owned())),
            None => (names, None),
        };
        let parts = names.split('/').filter(|name| !name.is_empty()).map(Part::parse).collect();
        Self { parts, is_at_root: text.starts_with('/'), is_file, spelling }
    }

    /// Returns whether a path that the pattern matches has a spelling that the pattern permits.
    pub(super) fn permits_spelling(&self, path: &str) -> bool {
        self.spelling.as_ref().is_none_or(|name| path.split(['/', '\\']).any(|other| other == name))
    }

    /// Returns the first name of the pattern, or `None` if it contains a `*`.
    pub(super) fn first_name(&self) -> Option<&str> {
        match self.parts.first() {
            Some(Part::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// Returns the first character of the short names of the pattern's first name; `None` if it can
    /// be any character.
    pub(super) fn first_character(&self) -> Option<char> {
        match self.parts.first()? {
            Part::Name(name) => first_character(name),
            Part::Wild { prefix, .. } => first_character(prefix),
        }
    }

    /// Returns whether the pattern matches the [folded](fold) names of a path. `is_symlink` states
    /// whether the path is a symlink.
    pub(in crate::policy) fn matches(&self, names: &[String], is_symlink: bool) -> bool {
        (0..names.len()).any(|start| self.matches_at(names, start, is_symlink))
    }

    /// Returns whether the pattern matches the names from the index `start` on.
    pub(super) fn matches_at(&self, names: &[String], start: usize, is_symlink: bool) -> bool {
        let names = &names[start..];
        let equal = self.parts.iter().zip(names).take_while(|(part, name)| part.matches(name));
        let equal = equal.count();
        let is_complete =
            equal == self.parts.len() && equal > 0 && !(self.is_file && names.len() > equal);
        // A symlink in the place of a directory gives the pattern's file another path.
        let is_replaced = is_symlink && equal == names.len();
        (start == 0 || !self.is_at_root) && (is_complete || is_replaced)
    }
}

impl Part {
    fn parse(name: &str) -> Self {
        match name.split_once('*') {
            Some((prefix, suffix)) => {
                Self::Wild { prefix: prefix.to_lowercase(), suffix: suffix.to_lowercase() }
            }
            None => Self::Name(fold(name)),
        }
    }

    /// Returns whether the part matches the [folded](fold) name `name`.
    fn matches(&self, name: &str) -> bool {
        const DOCUMENTS: [&str; 5] = [".md", ".rst", ".txt", ".adoc", ".html"];
        let short = ShortName::parse(name);
        match self {
            Self::Name(own) => own == name || short.is_some_and(|short| short.can_be(own)),
            Self::Wild { prefix, suffix } => {
                let rest = name.strip_prefix(prefix.as_str());
                let is_document =
                    suffix.is_empty() && DOCUMENTS.iter().any(|end| name.ends_with(end));
                (rest.is_some_and(|rest| rest.ends_with(suffix.as_str())) && !is_document)
                    || short.is_some_and(|short| short.can_match(prefix, suffix))
            }
        }
    }
}
