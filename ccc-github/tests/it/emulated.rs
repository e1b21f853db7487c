//! Conversions between the types of the emulator and of the core.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, RepoRef};
use ccc_core::vcs::Permission;
use ccc_core::{Clock, Secret};
use github_emulator::async_trait;
use github_emulator::jiff::Timestamp;
use github_emulator::secrecy::{ExposeSecret as _, SecretString};

pub(crate) fn secret(secret: &SecretString) -> Secret {
    Secret::from(secret.expose_secret())
}

pub(crate) fn repo_ref(repo: &github_emulator::RepoRef) -> RepoRef {
    RepoRef {
        host: repo.host.clone(),
        id: repo.id,
        owner: repo.owner.clone(),
        name: repo.name.clone(),
    }
}

pub(crate) fn actor(actor: &github_emulator::Actor) -> Actor {
    let kind = match actor.kind {
        github_emulator::ActorKind::User => ActorKind::User,
        github_emulator::ActorKind::Bot => ActorKind::Bot,
    };
    Actor { id: actor.id, login: actor.login.clone(), kind }
}

/// Converts a permission to the emulator's type.
pub(crate) fn permission(permission: Permission) -> github_emulator::Permission {
    match permission {
        Permission::None => github_emulator::Permission::None,
        Permission::Read => github_emulator::Permission::Read,
        Permission::Triage => github_emulator::Permission::Triage,
        Permission::Write => github_emulator::Permission::Write,
        Permission::Maintain => github_emulator::Permission::Maintain,
        Permission::Admin => github_emulator::Permission::Admin,
    }
}

/// An adapter that provides a clock of the core to the emulator.
#[derive(Debug)]
pub(crate) struct EmulatorClock<C>(pub(crate) Arc<C>);

#[async_trait]
impl<C: Clock> github_emulator::Clock for EmulatorClock<C> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }
}
