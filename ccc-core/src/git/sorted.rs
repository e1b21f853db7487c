//! Values that are found by their paths.

/// Values with paths, sorted by the paths. Several values can have one path.
pub(super) struct Sorted<T>(Vec<(String, T)>);

impl<T> Sorted<T> {
    pub(super) fn new(values: impl Iterator<Item = (String, T)>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(values)
    }

    /// Returns all values.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Returns all paths with their values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(path, value)| (path.as_str(), value))
    }

    /// Returns the values with the path `path`.
    pub(super) fn at(&self, path: &str) -> impl Iterator<Item = &T> {
        let start = self.0.partition_point(|(other, _)| other.as_str() < path);
        self.0[start..].iter().take_while(move |(other, _)| other == path).map(|(_, value)| value)
    }

    /// Returns the values below the directory `path`, with their paths relative to it. The root is
    /// the empty path.
    pub(super) fn below(&self, path: &str) -> impl Iterator<Item = (&str, &T)> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let start = self.0.partition_point(|(other, _)| other.as_str() < prefix.as_str());
        self.0[start..].iter().map_while(move |(other, value)| {
            other.strip_prefix(prefix.as_str()).map(|rest| (rest, value))
        })
    }
}
