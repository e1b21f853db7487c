//! The rows of the table: a repository, the agent's work, and the expected outcome of a run.

/// A changed path: `A`, `M` or `D`, the path, the mode of git after the change, and the contents.
pub(crate) type Changed = (char, &'static [u8], &'static str, &'static [u8]);

/// The expected outcome of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// A branch that differs from the base in exactly these paths.
    Changes(&'static [Changed]),
    /// The change is refused. The texts are a part of the reason, and all paths.
    Refused(&'static str, &'static [&'static str]),
    /// The checkout fails, and the agent does not start. The message contains each text.
    NoCheckout(&'static [&'static str]),
    /// The repository is refused before a run starts. The message contains the text.
    NoRun(&'static str),
}

/// A shape of a repository.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The unique name of the row.
    pub(crate) name: &'static str,
    /// The script of a shell that creates the repository. It starts with the functions of
    /// [`PREAMBLE`](super::fixture::PREAMBLE), in an empty directory.
    pub(crate) make: &'static str,
    /// The path that the run gets, relative to the directory of the script.
    pub(crate) start: &'static str,
    /// The script of a shell that changes the workspace.
    pub(crate) act: &'static str,
    pub(crate) expected: Expected,
    /// Whether plain git reports changes in a new clone, because the contents of the base
    /// contradict its attributes.
    pub(crate) dirty: bool,
    /// Whether git cannot clone the repository.
    pub(crate) unclonable: bool,
    /// The limit of the workspace in bytes, or 0 for the default.
    pub(crate) workspace_bytes: u64,
    /// Whether the row takes long, so that only the soak test runs it.
    pub(crate) slow: bool,
}

/// The change of the most rows: a line at the end of `notes.txt`.
pub(crate) const NOTE: Changed = ('M', b"notes.txt", "100644", b"one\ntwo\nthree\n");

/// Returns a row whose agent adds a line to `notes.txt`. The pull request must change nothing else.
pub(crate) const fn shape(name: &'static str, make: &'static str) -> Shape {
    Shape {
        name,
        make,
        start: "repo",
        act: "echo three >> notes.txt",
        expected: Expected::Changes(&[NOTE]),
        dirty: false,
        unclonable: false,
        workspace_bytes: 0,
        slow: false,
    }
}

impl Shape {
    pub(crate) const fn at(mut self, start: &'static str) -> Self {
        self.start = start;
        self
    }

    pub(crate) const fn act(mut self, act: &'static str, changes: &'static [Changed]) -> Self {
        self.act = act;
        self.expected = Expected::Changes(changes);
        self
    }

    pub(crate) const fn refused(
        mut self,
        act: &'static str,
        reason: &'static str,
        paths: &'static [&'static str],
    ) -> Self {
        self.act = act;
        self.expected = Expected::Refused(reason, paths);
        self
    }

    pub(crate) const fn no_checkout(mut self, words: &'static [&'static str]) -> Self {
        self.expected = Expected::NoCheckout(words);
        self
    }

    pub(crate) const fn no_run(mut self, words: &'static str) -> Self {
        self.expected = Expected::NoRun(words);
        self
    }

    pub(crate) const fn dirty(mut self) -> Self {
        self.dirty = true;
        self
    }

    pub(crate) const fn unclonable(mut self) -> Self {
        self.unclonable = true;
        self
    }

    pub(crate) const fn limit(mut self, bytes: u64) -> Self {
        self.workspace_bytes = bytes;
        self
    }

    pub(crate) const fn slow(mut self) -> Self {
        self.slow = true;
        self
    }
}
