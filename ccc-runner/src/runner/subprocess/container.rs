//! The container of the subprocess runner: the processes of one run on the host machine.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::container::{Command, ExitStatus, OutputSink, Resources};
use ccc_core::{Clock, Container, Error, ErrorKind, Result, async_trait};
use ccc_keeper::LimitBreach;
use tokio::io::AsyncWriteExt;

use crate::runner::limit_breach;
use crate::runner::subprocess::command::Launcher;
use crate::runner::subprocess::guard::Guards;
use crate::runner::subprocess::processes::{self, Ownership};
use crate::runner::subprocess::pump;
use crate::runner::subprocess::reclaim::reclaim_tree;

/// The interval between two measurements of the size of the workspace.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// A container that consists of the processes of one run.
#[derive(Debug)]
pub(crate) struct SubprocessContainer {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ownership: Ownership,
    pub(crate) guards: Guards,
    pub(crate) launcher: Arc<Launcher>,
    pub(crate) model_proxy: Option<String>,
}

#[async_trait]
impl Container for SubprocessContainer {
    fn workspace(&self) -> &Path {
        &self.launcher.spec.workspace
    }

    fn model_proxy(&self) -> Option<&str> {
        self.model_proxy.as_deref()
    }

    fn denied_hosts(&self) -> Vec<String> {
        Vec::new()
    }

    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        // The search for the program waits for the disk. The process is started without a pause
        // before its session is recorded, so that a run that ends meanwhile finds it.
        let (launcher, asked) = (Arc::clone(&self.launcher), command.clone());
        let mut started = processes::blocking(move || launcher.command(&asked)).await??;
        let mut child = started.spawn().map_err(|e| {
            let program = command.argv.first().map_or("", String::as_str);
            let line = format!("cannot start the program `{program}`");
            Error::new(ErrorKind::from_io(&e), line).with_source(e)
        })?;
        if let Some(session) = self.ownership.sessions.add(self.launcher.run, child.id()) {
            let added = self.guards.add(&*self.clock, self.launcher.run, session).await;
            if let Err(error) = added {
                // The program must not work without a guard.
                processes::kill(&*self.clock, &self.ownership, self.launcher.run).await?;
                return Err(error);
            }
        }
        let stdin = child.stdin.take();
        let write = async {
            if let Some(mut stdin) = stdin {
                // Ignore errors, because a program need not read all of its input.
                let _ = stdin.write_all(&command.stdin).await;
            }
            std::future::pending().await
        };
        let max = self.launcher.spec.resources.output_bytes;
        let status = tokio::select! {
            status = pump::pump(&*self.clock, &mut child, max, output) => status?,
            breach = self.limit_breach() => {
                processes::kill(&*self.clock, &self.ownership, self.launcher.run).await?;
                return Err(limit_breach::error(breach, &self.launcher.spec.resources));
            }
            never = write => never,
        };
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => ExitStatus::Code(code),
            (None, signal) => ExitStatus::Signal(signal.unwrap_or(0)),
        })
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        processes::terminate(&*self.clock, &self.ownership, self.launcher.run, grace).await?;
        processes::kill(&*self.clock, &self.ownership, self.launcher.run).await?;
        if self.launcher.user_switch.is_some() {
            // A process that is not of this run may have a directory of the workspace open. It must
            // not change the files that root reads from now on.
            reclaim_tree(self.launcher.spec.workspace.clone()).await?;
        }
        Ok(())
    }
}

impl SubprocessContainer {
    /// Waits until the workspace or the run's home directory exceeds a limit, and returns the
    /// exceeded limit. The home directory has the same limits as the workspace.
    async fn limit_breach(&self) -> LimitBreach {
        let Resources { workspace_bytes: bytes, workspace_entries: entries, .. } =
            self.launcher.spec.resources;
        loop {
            self.clock.sleep(CHECK_INTERVAL).await;
            let trees = [self.launcher.spec.workspace.clone(), self.launcher.home.clone()];
            let looked = tokio::task::spawn_blocking(move || {
                trees.iter().find_map(|tree| ccc_keeper::measure(tree, bytes, entries))
            });
            if let Ok(Some(breach)) = looked.await {
                return breach;
            }
        }
    }
}
