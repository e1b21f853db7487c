//! The conversion of line ends when a changed file is added (spec: X6e).

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::HostGit;
use super::attributes::{self, AttributesFile, Names};
use super::blocking::{spawn_blocking, unusable};
use super::diff_index::malformed;
use super::finding::Finding;
use super::nul_records::NulRecords;
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

/// Maximum number of attributes files in a repository.
const MAX_FILES: usize = 10_000;
/// Maximum total size of the attributes files in a repository, in bytes.
const MAX_BYTES: u64 = 4 << 20;
/// Maximum number of patterns with an effect. Git compares each file with each pattern.
const MAX_PATTERNS: usize = 10_000;
/// Maximum size of a file whose old contents are searched for line ends, in bytes. A larger file is
/// added as it is.
const MAX_SEARCHED: u64 = 16 << 20;

/// The way in which git adds a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Conversion {
    /// The contents are not changed.
    #[default]
    None,
    /// Each CRLF becomes LF.
    Text,
    /// Each CRLF becomes LF, unless the contents look like binary data.
    Auto,
}

impl Conversion {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::Text, Self::Auto];

    /// Returns the name of the directory for copies of files with this conversion.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Self::None => "bytes",
            Self::Text => "text",
            Self::Auto => "auto",
        }
    }

    fn attributes(self) -> &'static str {
        match self {
            Self::None => "-text !eol !crlf",
            Self::Text => "text !eol",
            Self::Auto => "text=auto !eol",
        }
    }
}

impl HostGit {
    /// Returns the attributes file for the workspace of `run`, from the attributes files of the
    /// commit `base`.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] if the attributes files are too many or too large.
    pub(super) async fn base_attributes(&self, run: RunId, base: &ObjectId) -> Result<Vec<u8>> {
        let (mut files, mut bytes) = (Vec::new(), 0_u64);
        let mut records = NulRecords::default();
        let mut receive = |record: &[u8]| {
            let Some((object, size, path)) = attributes_file(record) else {
                return ControlFlow::Continue(());
            };
            bytes = bytes.saturating_add(size);
            files.push((object, path));
            if files.len() > MAX_FILES || bytes > MAX_BYTES {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        self.git("ls-tree")
            .dir(&self.paths(run).git_dir)
            .args(["-r", "-l", "-z", "--full-tree", base.as_str()])
            .run_streamed(|chunk| records.read(chunk, &mut receive))
            .await?;
        if files.len() > MAX_FILES || bytes > MAX_BYTES {
            return Err(too_large());
        }
        self.render_attributes(run, files, &attributes::BASE).await
    }

    /// Returns the rendered attributes of `files`, each an object and the directory of the file.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] if the files have too many patterns, or a line that is too long.
    pub(super) async fn render_attributes(
        &self,
        run: RunId,
        files: Vec<(String, Vec<u8>)>,
        names: &Names,
    ) -> Result<Vec<u8>> {
        let (objects, directories): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let contents =
            if objects.is_empty() { Vec::new() } else { self.blobs(run, &objects).await? };
        let mut files: Vec<_> = directories
            .into_iter()
            .zip(contents)
            .map(|(directory, content)| AttributesFile { directory, content })
            .collect();
        let rendered = attributes::render(&mut files, names)?;
        if memchr::memchr_iter(b'\n', &rendered).count() > MAX_PATTERNS {
            return Err(too_large());
        }
        Ok(rendered)
    }

    /// Checks the number and the total size of the attributes files `objects`.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] if the attributes files are too many or too large.
    pub(super) async fn check_attributes(&self, run: RunId, objects: &[&str]) -> Result<()> {
        if objects.len() > MAX_FILES {
            return Err(too_large());
        }
        let sizes = self.object_sizes(run, objects).await?;
        let bytes = objects.iter().filter_map(|object| sizes.get(*object)).sum::<u64>();
        if bytes > MAX_BYTES { Err(too_large()) } else { Ok(()) }
    }

    /// Returns the conversion of each of the changed files `names` of `run`. Returns a finding if git
    /// exceeds its limits.
    pub(super) async fn conversions(
        &self,
        run: RunId,
        names: &[Vec<u8>],
    ) -> Result<std::result::Result<Vec<Conversion>, Finding>> {
        if !self.has_attributes(run).await? {
            return Ok(Ok(vec![Conversion::None; names.len()]));
        }
        let call = self
            .git("check-attr")
            .dir(&self.paths(run).git_dir)
            .reads_workspace()
            .args(["-z", "--stdin", "text", "crlf", "eol"])
            .stdin(nul_list(names));
        let printed = match call.run().await {
            Ok(printed) => printed,
            // The number of files and their names determine the time that git needs.
            Err(error) => return Finding::of_limit(error).map(Err),
        };
        let mut found = parse(&printed, names).ok_or_else(malformed)?;
        self.keep_old_line_ends(run, names, &mut found).await?;
        Ok(Ok(found))
    }

    /// Returns whether the commit that `run` is based on has attributes with an effect.
    pub(super) async fn has_attributes(&self, run: RunId) -> Result<bool> {
        let file = self.paths(run).git_dir.join("info/attributes");
        let text = spawn_blocking(move || std::fs::read(&file).map_err(|e| unusable(&file, &e)));
        Ok(text.await? != with_copies(run, &attributes::render(&mut [], &attributes::BASE)?))
    }

    /// Sets the conversion of files to [`Conversion::None`] whose old contents have the line end
    /// CRLF. Such a file does not follow its attributes: a conversion would change each of its lines.
    async fn keep_old_line_ends(
        &self,
        run: RunId,
        names: &[Vec<u8>],
        found: &mut [Conversion],
    ) -> Result<()> {
        let converted: HashSet<&[u8]> = names
            .iter()
            .zip(found.iter())
            .filter(|(_, conversion)| **conversion != Conversion::None)
            .map(|(name, _)| name.as_slice())
            .collect();
        if converted.is_empty() {
            return Ok(());
        }
        let old = self.index_objects(run, &converted).await?;
        let mut ids: Vec<&str> = old.values().map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        let sizes = self.object_sizes(run, &ids).await?;
        let mut with_crlf: HashMap<&str, bool> = HashMap::new();
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        for (n, id) in ids.iter().enumerate() {
            let size = sizes.get(*id).copied().unwrap_or(0);
            if size > MAX_SEARCHED {
                with_crlf.insert(*id, true);
            } else {
                batch.push((*id).to_owned());
                batch_bytes += size;
            }
            if batch_bytes > MAX_SEARCHED || n + 1 == ids.len() {
                let contents = self.blobs(run, &batch).await?;
                for (id, content) in batch.drain(..).zip(&contents) {
                    let id = ids[ids.partition_point(|other| **other < *id)];
                    with_crlf.insert(id, memchr::memmem::find(content, b"\r\n").is_some());
                }
                batch_bytes = 0;
            }
        }
        for (name, conversion) in names.iter().zip(found) {
            if old.get(name).is_some_and(|id| with_crlf.get(id.as_str()) == Some(&true)) {
                *conversion = Conversion::None;
            }
        }
        Ok(())
    }
}

fn too_large() -> Error {
    let line = format!(
        "the repository has more than {MAX_FILES} .gitattributes files, or in them more than {MAX_BYTES} bytes or \
         more than {MAX_PATTERNS} patterns for line ends and filters: remove some of them"
    );
    Error::new(ErrorKind::LimitExceeded, line)
}

/// Returns `attributes` with lines for the copies of changed files of `run` (see [`super::add`]).
pub(super) fn with_copies(run: RunId, attributes: &[u8]) -> Vec<u8> {
    let mut text = attributes.to_vec();
    for conversion in Conversion::ALL {
        let (directory, set) = (conversion.directory(), conversion.attributes());
        text.extend_from_slice(format!("/runs/{run}/new/{directory}/* {set}\n").as_bytes());
    }
    text
}

/// Parses a record of `git ls-tree -l -z`, `<mode> <type> <object> <size>TAB<path>`. Returns the id,
/// the size and the directory of an attributes file, and `None` for every other file.
fn attributes_file(record: &[u8]) -> Option<(String, u64, Vec<u8>)> {
    let path = record.strip_suffix(b".gitattributes")?;
    let tab = memchr::memchr(b'\t', record)?;
    let directory = match path.get(tab + 1..)? {
        b"" => b"",
        path => path.strip_suffix(b"/")?,
    };
    let header = std::str::from_utf8(&record[..tab]).ok()?;
    // Git does not follow a symlink with this name.
    let [mode, "blob", object, size] = header.split_ascii_whitespace().collect::<Vec<_>>()[..]
    else {
        return None;
    };
    (mode != "120000").then_some(())?;
    Some((object.to_owned(), size.parse().ok()?, directory.to_vec()))
}

/// Returns an input of git in which NUL ends each name.
pub(super) fn nul_list<N: AsRef<[u8]>>(names: &[N]) -> Vec<u8> {
    names.iter().flat_map(|name| [name.as_ref(), &[0]].concat()).collect()
}

/// Parses the output of `git check-attr -z` for the attributes `text`, `crlf` and `eol` of `names`:
/// three fields for each name and attribute.
fn parse(printed: &[u8], names: &[Vec<u8>]) -> Option<Vec<Conversion>> {
    let mut fields = printed.split(|byte| *byte == 0);
    let mut found = Vec::new();
    for name in names {
        let mut value = |attribute: &str| {
            let matches = fields.next()? == name && fields.next()? == attribute.as_bytes();
            matches.then(|| fields.next()).flatten()
        };
        let (text, crlf, eol) = (value("text")?, value("crlf")?, value("eol")?);
        found.push(match (text, crlf, eol) {
            (b"auto", ..) => Conversion::Auto,
            (b"unset", ..) => Conversion::None,
            (b"set" | b"input", ..) | (_, b"set" | b"input", _) => Conversion::Text,
            (_, b"unset", _) => Conversion::None,
            (_, _, b"lf" | b"crlf") => Conversion::Text,
            _ => Conversion::None,
        });
    }
    Some(found)
}
