//! Patterns of model names.

/// A pattern of model names: a complete name, or a prefix followed by `*`.
///
/// # Examples
///
/// ```
/// use ccc_runner::ModelPattern;
///
/// assert!(ModelPattern::new("claude-opus-*").matches("claude-opus-4-8"));
/// assert!(!ModelPattern::new("claude-opus-*").matches("claude-haiku-4-5"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern(String);

impl ModelPattern {
    /// Creates a pattern. `claude-opus-4-5` matches only that model, and `claude-opus-*` matches
    /// every model whose name begins with `claude-opus-`.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Returns whether the model name `model` matches this pattern.
    #[must_use]
    pub fn matches(&self, model: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => model.starts_with(start),
            None => self.0 == model,
        }
    }
}
