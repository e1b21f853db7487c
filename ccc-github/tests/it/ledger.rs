//! Tests of the token ledger, and of replacing the App while tokens are leased.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::testing::MockCredentialStore;
use ccc_core::vcs::Grant;
use ccc_core::{
    CredentialKey, CredentialStore, Error, ErrorKind, Secret, VcsHost as _, async_trait,
};
use ccc_github::{AppKey, GitHub};
use jiff::SignedDuration;

use crate::common::{Leaping, Skewed, World, world};
use crate::emulated::secret;

const MINUTE: Duration = Duration::from_secs(60);

type Records = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Creates a store over these records. A record that begins with `!` cannot be read. If `fails` is
/// set, writes fail.
fn store(records: &Records, fails: bool) -> Arc<MockCredentialStore> {
    let mut store = MockCredentialStore::new();
    let ours = Arc::clone(records);
    store.expect_get().returning(move |name| {
        let found = ours.lock().unwrap().get(name.as_str()).cloned();
        let read = |bytes: Vec<u8>| match bytes.first() {
            Some(b'!') => Err(Error::new(ErrorKind::Corrupt, "damaged")),
            _ => Ok(StoredSecret { secret: Secret::new(bytes), version: Version(1) }),
        };
        found.map(read).transpose()
    });
    let ours = Arc::clone(records);
    store.expect_put().returning(move |name, secret, _| {
        if fails {
            return Err(Error::new(ErrorKind::Unavailable, "the disk is full"));
        }
        ours.lock().unwrap().insert(name.to_string(), secret.expose().to_vec());
        Ok(Version(1))
    });
    let ours = Arc::clone(records);
    store.expect_delete().returning(move |name| {
        ours.lock().unwrap().remove(name.as_str());
        Ok(())
    });
    let ours = Arc::clone(records);
    store.expect_list().returning(move || {
        let ours = ours.lock().unwrap();
        Ok(ours.keys().map(|name| CredentialKey::new(name.clone()).unwrap()).collect())
    });
    Arc::new(store)
}

fn with_ledger(world: &World, store: Arc<dyn CredentialStore>, holder: &str) -> GitHub {
    let clock = Arc::new(Leaping(Arc::clone(&world.clock)));
    let key = AppKey::from_pem(&world.private_key()).unwrap();
    let github = GitHub::builder(world.emulator.app_id(), key, clock);
    github.api_url(world.emulator.api_url()).token_ledger(store, holder).build().unwrap()
}

fn revoked(world: &World) -> Vec<bool> {
    world.emulator.tokens().iter().map(|token| token.revoked).collect()
}

#[tokio::test]
async fn the_tokens_of_a_killed_process_are_revoked_and_not_used_again() {
    // spec: G1f
    let (world, records) = (world().await, Records::default());
    let killed = with_ledger(&world, store(&records, false), "one");
    let access = killed.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    let token = access.token.unwrap();
    killed.access(&world.repo, Grant::Publish, MINUTE).await.unwrap();
    drop(killed);
    let names: Vec<String> = records.lock().unwrap().keys().cloned().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for (name, grant) in names.iter().zip(["publish", "read"]) {
        assert!(name.ends_with(&format!("/tokens/one/{}/{grant}", world.repo.id)), "{name}");
    }

    // The tokens of another holder are not taken over.
    let other = with_ledger(&world, store(&records, false), "two");
    assert_eq!(other.take_over().await.unwrap(), 0);
    assert_eq!((records.lock().unwrap().len(), revoked(&world)), (2, vec![false, false]));
    let kept = records.lock().unwrap().clone();

    // A corrupt record does not prevent the use of the others.
    records.lock().unwrap().insert(names[0].replace("publish", "discuss"), b"!".to_vec());
    let next = with_ledger(&world, store(&records, false), "one");
    assert_eq!(next.take_over().await.unwrap(), 2);
    let access = next.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    // The killed process can have revoked a token without recording it.
    assert_ne!(access.token.as_ref().unwrap().expose(), token.expose());
    next.release(access).await.unwrap();
    assert_eq!(revoked(&world), [true; 3]);
    assert_eq!(records.lock().unwrap().len(), 1, "the corrupt record stays");

    // Records of any holder are removed when their tokens expired more than an hour ago.
    *records.lock().unwrap() = kept;
    world.pass(SignedDuration::from_mins(90));
    assert_eq!(other.take_over().await.unwrap(), 0);
    assert_eq!(records.lock().unwrap().len(), 2, "the clock of the other holder can be behind");
    world.pass(SignedDuration::from_mins(40));
    other.take_over().await.unwrap();
    assert_eq!(records.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn of_several_tokens_none_is_used_again() {
    // spec: G1f
    let (world, records) = (world().await, Records::default());
    let killed = with_ledger(&world, store(&records, false), "one");
    killed.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    world.pass(SignedDuration::from_mins(50));
    // The first token expires too early for this request.
    let newest = killed.access(&world.repo, Grant::Read, 20 * MINUTE).await.unwrap();
    drop(killed);
    let next = with_ledger(&world, store(&records, false), "one");
    assert_eq!(next.take_over().await.unwrap(), 2);
    let access = next.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    assert_ne!(access.token.as_ref().unwrap().expose(), newest.token.unwrap().expose());
    next.release(access).await.unwrap();
    assert_eq!(revoked(&world), [true; 3]);
}

#[tokio::test]
async fn tokens_of_other_apps_and_expired_tokens_are_revoked_or_removed() {
    // spec: G1f
    let world = world().await;
    let leave = async |records: &Records| {
        let github = with_ledger(&world, store(records, false), "one");
        github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    };
    // A token of another App is revoked.
    let records = Records::default();
    leave(&records).await;
    let github = with_ledger(&world, store(&records, false), "one");
    let second = world.emulator.add_app("second", "octo").await.unwrap();
    github.use_app(Some((second.id, AppKey::from_pem(&secret(&second.private_key)).unwrap())));
    assert_eq!(github.take_over().await.unwrap(), 0);
    assert_eq!((records.lock().unwrap().len(), revoked(&world)), (0, vec![true]));
    // A token that is not used again is revoked when the service ends.
    leave(&records).await;
    let github = with_ledger(&world, store(&records, false), "one");
    assert_eq!(github.take_over().await.unwrap(), 1);
    github.revoke_idle().await;
    assert_eq!((records.lock().unwrap().len(), revoked(&world)), (0, vec![true, true]));
    // An expired token is removed.
    leave(&records).await;
    world.pass(SignedDuration::from_mins(61));
    let github = with_ledger(&world, store(&records, false), "one");
    assert_eq!(github.take_over().await.unwrap(), 0);
    assert_eq!(records.lock().unwrap().len(), 0);
    // A store that fails does not prevent the use of tokens.
    let github = with_ledger(&world, store(&records, true), "one");
    let access = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    github.release(access).await.unwrap();
    let clock = Arc::new(Leaping(Arc::clone(&world.clock)));
    let nameless = GitHub::builder_without_app(clock).token_ledger(store(&records, false), "a b");
    assert_eq!(nameless.build().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_app_is_replaced_while_tokens_are_leased() {
    // spec: S12d
    let world = world().await;
    let clock = Arc::new(Leaping(Arc::clone(&world.clock)));
    let github =
        GitHub::builder_without_app(clock).api_url(world.emulator.api_url()).build().unwrap();
    let nobody = async || {
        let error = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().contains("no GitHub App is configured"), "{error}");
        github.bot_identity().await.unwrap_err();
    };
    nobody().await;
    let key = AppKey::from_pem(&world.private_key()).unwrap();
    github.use_app(Some((world.emulator.app_id(), key.clone())));
    let first = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    let we = github.bot_identity().await.unwrap();
    // Another key of the same App changes nothing else.
    github.use_app(Some((world.emulator.app_id(), key)));
    let again = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    assert_eq!(world.emulator.tokens().len(), 1);
    github.release(again).await.unwrap();

    let second = world.emulator.add_app("second", "octo").await.unwrap();
    github.use_app(Some((second.id, AppKey::from_pem(&secret(&second.private_key)).unwrap())));
    let theirs = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    assert_ne!(theirs.token.as_ref().unwrap().expose(), first.token.as_ref().unwrap().expose());
    assert_ne!(github.bot_identity().await.unwrap().login, we.login);
    let apps: Vec<u64> = world.emulator.tokens().iter().map(|token| token.app).collect();
    assert_eq!(apps, [world.emulator.app_id(), second.id]);
    github.use_app(None);
    nobody().await;
    // Tokens that were leased before can still be released.
    github.release(first).await.unwrap();
    github.release(theirs).await.unwrap();
    assert_eq!(revoked(&world), [true, true]);
}

/// A store whose writes never return.
#[derive(Debug, Default)]
struct Stuck(AtomicUsize);

#[async_trait]
impl CredentialStore for Stuck {
    async fn get(&self, _: &CredentialKey) -> ccc_core::Result<Option<StoredSecret>> {
        Ok(None)
    }
    async fn put(
        &self,
        _: &CredentialKey,
        _: &Secret,
        _: Precondition,
    ) -> ccc_core::Result<Version> {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::future::pending().await
    }
    async fn delete(&self, _: &CredentialKey) -> ccc_core::Result<()> {
        Ok(())
    }
    async fn list(&self) -> ccc_core::Result<Vec<CredentialKey>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_delays_no_caller_for_long() {
    // spec: G1f
    let (world, stuck) = (world().await, Arc::new(Stuck::default()));
    let github = with_ledger(&world, Arc::clone(&stuck) as _, "one");
    let access = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    github.release(access).await.unwrap();
    assert_eq!((stuck.0.load(Ordering::Relaxed), revoked(&world)), (1, vec![true]));
}

#[tokio::test]
async fn a_caller_that_is_dropped_during_the_ledger_write_holds_no_lease() {
    // spec: G1b, G1f
    let (world, stuck) = (world().await, Arc::new(Stuck::default()));
    // With a clock whose sleeps take real time, the deadline for the store does not pass here.
    let clock = Arc::<Skewed>::clone(&world.clock);
    let key = AppKey::from_pem(&world.private_key()).unwrap();
    let github = GitHub::builder(world.emulator.app_id(), key, clock);
    let github =
        github.api_url(world.emulator.api_url()).token_ledger(Arc::clone(&stuck) as _, "one");
    let github = github.build().unwrap();
    {
        let mut asked = Box::pin(github.access(&world.repo, Grant::Read, MINUTE));
        while stuck.0.load(Ordering::Relaxed) == 0 {
            assert!(futures_util::poll!(asked.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
    }
    github.revoke_idle().await;
    assert_eq!(revoked(&world), [true]);
}
