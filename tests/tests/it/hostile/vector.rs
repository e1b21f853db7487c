//! What a vector is, and the table that it is a row of.

/// Mode, path, contents: an entry of a tree. A submodule's contents are the id of its commit.
pub(crate) type Entry = (&'static str, &'static str, &'static [u8]);

/// One way to make plain git do something else than it was asked to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    /// What the repository holds beside the usual files.
    pub(crate) base: &'static [Entry],
    /// What the agent does in its workspace, as a shell script. `$EVIL` is a program, `$AWAY` a
    /// directory outside, `$VICTIM` a file in it, `$THEIRS` a repository of the attacker's, `$HTTP`
    /// where the attacker listens, `$REMOTE` the configured remote.
    pub(crate) plant: &'static str,
    /// A use of plain git, in a copy of the same workspace, that falls for it. Git has the token.
    pub(crate) bait: &'static str,
    pub(crate) harm: Harm,
    pub(crate) ours: Ours,
}

/// What plain git does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Harm {
    /// `$EVIL` ran.
    Runs,
    /// `$VICTIM` is not what it was.
    Writes,
    /// The attacker's listener got the token.
    Leaks,
    /// The attacker's repository got the push.
    Strays,
    /// The configured remote got something else than the branch `bait`.
    Spills,
    /// What it would commit is not what lies there.
    Keeps,
    /// It fails.
    Dies,
    /// The clone in `$AWAY/clone` is not what was committed.
    LaysOut,
    /// It prints this.
    Shows(&'static str),
}

/// What host git does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ours {
    Pushes,
    /// Refuses for this reason and these paths.
    Refuses(&'static str, &'static [&'static str]),
}

/// Name, what plain git did, what host git did.
pub(crate) type Row = ccc_tests::page::Row;

const fn new(name: &'static str, plant: &'static str, bait: &'static str, harm: Harm) -> Vector {
    Vector { name, base: &[], plant, bait, harm, ours: Ours::Pushes }
}

pub(crate) const fn runs(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, Harm::Runs)
}

pub(crate) const fn writes(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, Harm::Writes)
}

pub(crate) const fn leaks(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, Harm::Leaks)
}

pub(crate) const fn strays(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, Harm::Strays)
}

pub(crate) const fn spills(name: &'static str, plant: &'static str, bait: &'static str) -> Vector {
    new(name, plant, bait, Harm::Spills)
}

/// By `git add`, as all of this kind.
pub(crate) const fn keeps(name: &'static str, plant: &'static str) -> Vector {
    new(name, plant, "git add -A", Harm::Keeps)
}

/// In `git add`, as all of this kind.
pub(crate) const fn dies(name: &'static str, plant: &'static str) -> Vector {
    new(name, plant, "git add -A", Harm::Dies)
}

pub(crate) const fn lays_out(name: &'static str, bait: &'static str) -> Vector {
    new(name, "", bait, Harm::LaysOut)
}

pub(crate) const fn shows(
    name: &'static str,
    plant: &'static str,
    bait: &'static str,
    text: &'static str,
) -> Vector {
    new(name, plant, bait, Harm::Shows(text))
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

    /// Its row when all is well.
    pub(crate) fn row(&self) -> Row {
        [self.name.to_owned(), self.harm.text().to_owned(), self.ours.text()]
    }
}

impl Harm {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Runs => "runs the attacker's program",
            Self::Writes => "writes to a file outside",
            Self::Leaks => "sends the token to the attacker",
            Self::Strays => "pushes to the attacker",
            Self::Spills => "pushes other branches",
            Self::Keeps => "keeps something else than is there",
            Self::Dies => "fails",
            Self::LaysOut => "lays out something else than is there",
            Self::Shows(_) => "shows something else than is there",
        }
    }
}

impl Ours {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Pushes => "pushes what is there".to_owned(),
            Self::Refuses(reason, _) => format!("refuses: {reason}"),
        }
    }
}

/// The rows as `SECURITY.md` shows them.
pub(crate) fn table(rows: &[Row]) -> String {
    ccc_tests::page::table(["what is planted", "plain git", "host git"], rows)
}
