//! Conversions from the emulator's types to those of the core, for the tests and benches of this
//! package.

use ccc_core::event::RepoRef;

/// Returns the repository as the core names it.
pub(crate) fn repo_ref(repo: &github_emulator::RepoRef) -> RepoRef {
    RepoRef {
        host: repo.host.clone(),
        id: repo.id,
        owner: repo.owner.clone(),
        name: repo.name.clone(),
    }
}
