//! Vectors, and the table that shows them.

/// An entry of a tree: mode, path, content. The content of a submodule is its commit id.
pub(crate) type Entry = (&'static str, &'static str, &'static [u8]);

/// One way to make plain git do something unwanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    /// The entries of the repository in addition to the usual files.
    pub(crate) base: &'static [Entry],
    /// The agent's actions in its workspace, as a shell script. Variables: `$EVIL` is a program,
    /// `$AWAY` a directory outside the workspace, `$VICTIM` a file in it, `$THEIRS` a repository of
    /// the attacker, `$HTTP` the attacker's server, `$REMOTE` the configured remote.
    pub(crate) plant: &'static str,
    /// The commands of plain git that the vector affects, run in a copy of the workspace. Git has
    /// the token.
    pub(crate) bait: &'static str,
    pub(crate) effect: PlainGitEffect,
    pub(crate) ours: Ours,
}

/// The effect of a vector on plain git.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PlainGitEffect {
    /// `$EVIL` ran.
    Runs,
    /// `$VICTIM` has changed.
    Writes,
    /// The attacker's server received the token.
    Leaks,
    /// The attacker's repository received the push.
    Strays,
    /// The configured remote has other new refs than the branch `bait`.
    Spills,
    /// The index differs from the files.
    Keeps,
    /// The branch `bait` of the configured remote has the files of the workspace.
    Publishes,
    /// Git fails.
    Dies,
    /// The clone in `$AWAY/clone` differs from the commit.
    LaysOut,
    /// Git prints this text.
    Shows(&'static str),
}

/// The expected result of host git.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ours {
    Pushes,
    /// It refuses the change for this reason and these paths.
    Refuses(&'static str, &'static [&'static str]),
}

/// A row of the table: name, result of plain git, result of host git.
pub(crate) type Row = ccc_tests::page::Row;

const fn new(
    name: &'static str,
    plant: &'static str,
    bait: &'static str,
    effect: PlainGitEffect,
) -> Vector {
    Vector { name, base: &[], plant, bait, effect, ours: Ours::Pushes }
}

pub(crate) const fn runs(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, PlainGitEffect::Runs)
}

pub(crate) const fn writes(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, PlainGitEffect::Writes)
}

pub(crate) const fn leaks(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, PlainGitEffect::Leaks)
}

pub(crate) const fn strays(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, PlainGitEffect::Strays)
}

pub(crate) const fn spills(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, PlainGitEffect::Spills)
}

/// Returns a vector that affects `git add`.
pub(crate) const fn keeps(name: &'static str, plant: &'static str) -> Vector {
    new(name, plant, "git add -A", PlainGitEffect::Keeps)
}

/// Returns a vector that plain git commits and pushes.
pub(crate) const fn publishes(name: &'static str, plant: &'static str) -> Vector {
    let bait = "git add -A && git commit -qm x && git push -q $REMOTE HEAD:refs/heads/bait";
    new(name, plant, bait, PlainGitEffect::Publishes)
}

/// Returns a vector that makes `git add` fail.
pub(crate) const fn dies(name: &'static str, plant: &'static str) -> Vector {
    new(name, plant, "git add -A", PlainGitEffect::Dies)
}

pub(crate) const fn lays_out(name: &'static str, bait: &'static str) -> Vector {
    new(name, "", bait, PlainGitEffect::LaysOut)
}

pub(crate) const fn shows(
    name: &'static str,
    plant: &'static str,
    bait: &'static str,
    text: &'static str,
) -> Vector {
    new(name, plant, bait, PlainGitEffect::Shows(text))
}

impl Vector {
    pub(crate) const fn over(mut self, base: &'static [Entry]) -> Self {
        self.base = base;
        self
    }

    pub(crate) const fn refused(
        mut self,
        reason: &'static str,
        paths: &'static [&'static str],
    ) -> Self {
        self.ours = Ours::Refuses(reason, paths);
        self
    }

    /// Returns the expected row of the table.
    pub(crate) fn row(&self) -> Row {
        [self.name.to_owned(), self.effect.text().to_owned(), self.ours.text()]
    }
}

impl PlainGitEffect {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Runs => "runs the attacker's program",
            Self::Writes => "writes a file outside the workspace",
            Self::Leaks => "sends the token to the attacker",
            Self::Strays => "pushes to the attacker",
            Self::Spills => "pushes other refs",
            Self::Keeps => "stages content that differs from the files",
            Self::Publishes => "pushes the change",
            Self::Dies => "fails",
            Self::LaysOut => "checks out content that differs from the commit",
            Self::Shows(_) => "shows false history or content",
        }
    }
}

impl Ours {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Pushes => "pushes the files unchanged".to_owned(),
            Self::Refuses(reason, _) => format!("refuses: {reason}"),
        }
    }
}

/// Formats the rows as `SECURITY.md` shows them.
pub(crate) fn table(rows: &[Row]) -> String {
    ccc_tests::page::table(["planted in the workspace", "plain git", "host git"], rows)
}
