//! Conformance tests of this crate's own port implementations, fakes included.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers panic to fail their test, and start tasks"
)]

#[path = "conformance/broken.rs"]
mod broken;
#[path = "conformance/broken_host.rs"]
mod broken_host;

mod system_clock {
    use ccc_core::SystemClock;
    use ccc_core::testing::conformance::clock::Fixture;

    ccc_core::clock_conformance!(async || Fixture::new(SystemClock));
}

mod manual_clock {
    use std::sync::Arc;

    use ccc_core::testing::ManualClock;
    use ccc_core::testing::conformance::clock::Fixture;

    async fn fresh() -> Fixture {
        let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
        Fixture::with_manual_advance(Arc::clone(&clock), move |by| clock.advance(by))
    }

    ccc_core::clock_conformance!(fresh);
}

mod no_observer {
    use ccc_core::observe::NoObserver;
    use ccc_core::testing::conformance::observer::Fixture;

    ccc_core::observer_conformance!(async || Fixture::new(NoObserver));
}

mod observers {
    use std::sync::Arc;

    use ccc_core::observe::{NoObserver, Observers};
    use ccc_core::testing::RecordingObserver;
    use ccc_core::testing::conformance::observer::Fixture;

    async fn fresh() -> Fixture {
        let last = Arc::new(RecordingObserver::default());
        let recording = Arc::clone(&last);
        Fixture::with_recorded_events(Observers(vec![Arc::new(NoObserver), last]), move || {
            recording.events()
        })
    }

    ccc_core::observer_conformance!(fresh);
}

mod fake_runner {
    use ccc_core::testing::FakeRunner;
    use ccc_core::testing::conformance::container_runner::Fixture;

    ccc_core::container_runner_conformance!(async || Fixture::new(FakeRunner::default()));
}

mod fake_host {
    use ccc_core::BranchName;
    use ccc_core::testing::FakeHost;
    use ccc_core::testing::conformance::vcs_host::Fixture;
    use ccc_core::vcs::Permission;

    async fn fresh() -> Fixture {
        let host = FakeHost::new("/srv/git/hello.git");
        let writer = host.add_actor(3, "writer", Permission::Write);
        let stranger = host.add_actor(4, "stranger", Permission::Read);
        host.set_issue(1, "A title", "A body.", &stranger, true);
        host.set_file("README.md", b"# Hello\n");
        let repo = host.repo().clone();
        let branch = BranchName::new("work/1").unwrap();
        Fixture::new(host, (repo, 1), (writer, stranger), branch, ("README.md", b"# Hello\n"))
    }

    ccc_core::vcs_host_conformance!(fresh);
}

mod fake_credential_store {
    use ccc_core::testing::FakeCredentialStore;
    use ccc_core::testing::conformance::credential_store::Fixture;

    ccc_core::credential_store_conformance!(async || Fixture::new(FakeCredentialStore::default()));
}

mod fake_delivery_log {
    use ccc_core::delivery_log::{Attempt, SentContent};
    use ccc_core::event::Delivery;
    use ccc_core::testing::conformance::delivery_log::Fixture;
    use ccc_core::testing::{FakeDeliveryLog, FakeHost};
    use ccc_core::{DeliveryId, DeliveryLog as _};
    use jiff::Timestamp;

    async fn fresh() -> Fixture {
        let log = FakeDeliveryLog::default();
        for number in 0..7 {
            log.add_failed(&format!("delivery-{number}"), 500, "1970-01-01T00:00:00Z");
        }
        let id = DeliveryId::new("newest").unwrap();
        let at = Timestamp::from_second(1).unwrap();
        let delivery = Delivery { id: id.clone(), body_sha256: [1; 32], received_at: at };
        let event = Box::new(FakeHost::new("/srv/git/hello.git").open_issue("A title", ""));
        log.add(Attempt::new(0, id, at), SentContent::Event { delivery, event });
        assert_eq!(log.page(None).await.unwrap().attempts.len(), 5);
        Fixture::new(log)
    }

    ccc_core::delivery_log_conformance!(fresh);
}

mod fake_agent {
    use ccc_core::testing::conformance::agent::Fixture;
    use ccc_core::testing::{FakeAgent, FakeRunner};

    ccc_core::agent_conformance!(async || {
        let agent = FakeAgent::default().writes("why.txt", "why\n");
        Fixture::new(agent, FakeRunner::default(), ("why.txt", b"why\n"))
    });
}
