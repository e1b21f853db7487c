//! A container runner that wraps another runner, and limits the number of concurrent containers.
//! The wrapper passes the conformance suite of `ccc-core` for runners.
//!
//! ```sh
//! cargo run -p ccc-embed --bin custom_runner
//! cargo test -p ccc-embed custom_runner
//! ```
use std::collections::BTreeMap;
use std::sync::Arc;

use ccc_core::container::{Capabilities, ContainerSpec};
use ccc_core::testing::{FakeAgent, FakeRunner, Fakes};
use ccc_core::{CancellationToken, Container, ContainerRunner, Result, RunId, async_trait};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// A runner that creates containers with the runner `R`, but only a limited number at the same
/// time.
#[derive(Debug)]
struct LimitedRunner<R> {
    inner: R,
    free: Arc<Semaphore>,
    used: Mutex<BTreeMap<RunId, Option<OwnedSemaphorePermit>>>,
}

impl<R> LimitedRunner<R> {
    fn new(inner: R, limit: usize) -> Self {
        Self { inner, free: Arc::new(Semaphore::new(limit)), used: Mutex::default() }
    }
}

#[async_trait]
impl<R: ContainerRunner> ContainerRunner for LimitedRunner<R> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<()> {
        self.inner.check().await
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        // A caller can call `spawn` again after an error. All calls for one run share one permit.
        if !self.used.lock().await.contains_key(&run) {
            let permit = Arc::clone(&self.free).acquire_owned().await.ok();
            self.used.lock().await.insert(run, permit);
        }
        self.inner.spawn(run, spec).await
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        self.inner.destroy(run).await?;
        // If `destroy` fails, the container may still exist, and the caller calls `destroy` again.
        // Until then the run keeps its permit.
        self.used.lock().await.remove(&run);
        Ok(())
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        self.inner.orphans().await
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let fakes = Fakes::new(&[("README.md", "hello\n")]);
    let agent = FakeAgent::default().writes("README.md", "Hello.\n");
    let runner = LimitedRunner::new(FakeRunner::default(), 2);
    let pipeline = fakes.pipeline().agent(agent).runner(runner).build()?;
    let event = fakes.host.open_issue("Greet politely", "");
    let report = pipeline.run(event, &CancellationToken::new()).await?;
    println!("{}", report.outcome.name());
    report.cleanup
}

#[cfg(test)]
mod tests {
    use ccc_core::testing::{FakeRunner, conformance::container_runner::Fixture};

    ccc_core::container_runner_conformance!(async || {
        Fixture::new(super::LimitedRunner::new(FakeRunner::default(), 8))
    });
}
