//! The keeper's main loop, which serves the runner until the connection ends, SIGTERM arrives, or a
//! limit is exceeded.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use ccc_keeper::{
    Hello, KeeperConfig, LimitBreach, PROTOCOL, StreamKind, Tunnel, exit, tunnel, write_head,
};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::reaper::{self, OwnChildren, processes};
use crate::{cgroup, exec, forward, limit_monitor, seccomp};

/// The interval at which [`terminate_all`] checks whether all processes have ended.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Executes programs for the runner until the connection ends, SIGTERM arrives, or a limit is
/// exceeded. Returns the exit status of the keeper.
pub(crate) async fn serve(config: KeeperConfig) -> io::Result<u8> {
    let mut terminate = signal(SignalKind::terminate())?;
    for directory in &config.directories {
        std::fs::create_dir_all(directory)?;
    }
    if config.filter {
        seccomp::install()?;
    }
    let (model, own) = (config.model, OwnChildren::default());
    let breach = limit_monitor::breach(config)?;
    let input = pipe::Receiver::from_owned_fd(copy(io::stdin().as_fd())?)?;
    let output = pipe::Sender::from_owned_fd(copy(io::stdout().as_fd())?)?;
    let (tunnel, mut arrivals, work) = tunnel(tokio::io::join(input, output), false);
    let mut tasks = JoinSet::new();
    if model {
        forward::listen(&mut tasks, StreamKind::Model, &tunnel).await?;
    }
    forward::listen(&mut tasks, StreamKind::Egress, &tunnel).await?;
    let greet = tunnel.clone();
    tasks.spawn(async move {
        let _ = hello(&greet).await;
    });
    tasks.spawn(reaper::reap(signal(SignalKind::child())?, own.clone()));
    let serve = async {
        while let Some(stream) = arrivals.next().await {
            tasks.spawn(exec::run(stream, own.clone()));
        }
        // The tunnel has ended. `work` ends with the tunnel, and then the keeper ends.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = work => Ok(exit::CONNECTION_LOST),
        () = serve => Ok(exit::CONNECTION_LOST),
        breach = breach => Ok(breach.map_or(exit::BAD_START, LimitBreach::status)),
        _ = terminate.recv() => {
            terminate_all().await;
            Ok(0)
        }
    }
}

fn copy(descriptor: BorrowedFd<'_>) -> io::Result<std::os::fd::OwnedFd> {
    descriptor.try_clone_to_owned()
}

async fn hello(tunnel: &Tunnel) -> io::Result<()> {
    let mut stream = tunnel.open().await?;
    write_head(&mut stream, &StreamKind::Hello).await?;
    write_head(&mut stream, &Hello { protocol: PROTOCOL, limited: cgroup::has_limits() }).await?;
    stream.shutdown().await
}

/// Sends SIGTERM to every process in the container except the keeper, and waits until all of these
/// processes have ended. Has no timeout, because the engine kills the container if a process does
/// not end in time.
async fn terminate_all() {
    // The signal stays in the container only if the keeper is the first process of a PID namespace.
    // Otherwise the signal could reach every process of the host machine.
    if std::process::id() != 1 {
        return;
    }
    // This calls `kill(-1, …)`, which sends the signal to every process: kill(2).
    let _ = kill_process_group(Pid::INIT, Signal::TERM);
    let _ = kill_process_group(Pid::INIT, Signal::CONT);
    while others_alive() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Returns whether a process other than the keeper is alive.
fn others_alive() -> bool {
    processes().any(|(pid, process)| pid != std::process::id() && !process.is_dead)
}
