//! The entries of the git index of a run.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::HostGit;
use super::attributes::directory_of_attributes;
use super::nul_records::NulRecords;
use super::submodules::Submodules;
use crate::{Result, RunId};

impl HostGit {
    /// Returns the submodules in the git index of `run`.
    pub(super) async fn submodules(&self, run: RunId) -> Result<Submodules> {
        let mut found = Vec::new();
        self.read_index(run, &["--stage"], |entry| {
            // `<mode> <object> <stage>TAB<path>`
            if let Some(tab) = memchr::memchr(b'\t', entry)
                && entry.starts_with(b"160000 ")
            {
                found.push(entry[tab + 1..].to_vec());
            }
        })
        .await?;
        Ok(Submodules::new(found))
    }

    /// Returns those of `directories` that contain a file of the git index of `run`.
    pub(super) async fn directories_in_index(
        &self,
        run: RunId,
        directories: HashSet<Vec<u8>>,
    ) -> Result<HashSet<Vec<u8>>> {
        let mut found = HashSet::new();
        self.read_index(run, &[], |path| {
            for end in memchr::memchr_iter(b'/', path) {
                if let Some(directory) = directories.get(&path[..end]) {
                    found.insert(directory.clone());
                }
            }
        })
        .await?;
        Ok(found)
    }

    /// Returns the ids of the objects that the git index of `run` has at `paths`.
    pub(super) async fn index_objects(
        &self,
        run: RunId,
        paths: &HashSet<&[u8]>,
    ) -> Result<HashMap<Vec<u8>, String>> {
        let mut found = HashMap::new();
        self.read_index(run, &["--stage"], |entry| {
            if let Some(tab) = memchr::memchr(b'\t', entry)
                && paths.contains(&entry[tab + 1..])
                && let Some(object) = entry[..tab].split(|byte| *byte == b' ').nth(1)
            {
                let object = String::from_utf8_lossy(object).into_owned();
                found.insert(entry[tab + 1..].to_vec(), object);
            }
        })
        .await?;
        Ok(found)
    }

    /// Returns the attributes files in the git index of `run`: the id of the object, and the directory
    /// of the file.
    pub(super) async fn attributes_in_index(&self, run: RunId) -> Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        self.read_index(run, &["--stage"], |entry| {
            // Git does not follow a symlink with this name.
            if let Some(tab) = memchr::memchr(b'\t', entry)
                && entry.starts_with(b"100")
                && let Some(directory) = directory_of_attributes(&entry[tab + 1..])
                && let Some(object) = entry[..tab].split(|byte| *byte == b' ').nth(1)
            {
                found.push((String::from_utf8_lossy(object).into_owned(), directory.to_vec()));
            }
        })
        .await?;
        Ok(found)
    }

    async fn read_index(
        &self,
        run: RunId,
        options: &[&str],
        mut receive: impl FnMut(&[u8]),
    ) -> Result<()> {
        let mut records = NulRecords::default();
        self.git("ls-files")
            .dir(&self.paths(run).git_dir)
            .arg("-z")
            .args(options)
            .arg("--full-name")
            .run_streamed(|chunk| {
                records.read(chunk, |entry| {
                    receive(entry);
                    ControlFlow::Continue(())
                })
            })
            .await
    }
}
