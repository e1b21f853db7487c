//! Keeping a container: until its host is gone, asks for the end, or a limit is reached.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use ccc_keeper::{Breach, Door, Hello, Keep, PROTOCOL, Tunnel, exit, tunnel, write_head};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::orphans::{self, Own, processes};
use crate::{doors, filter, memory, programs, watch};

/// How often to look whether everybody has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Keeps the container; returns with the exit status.
pub(crate) async fn keep(keep: Keep) -> io::Result<u8> {
    let mut terminate = signal(SignalKind::terminate())?;
    for directory in &keep.directories {
        std::fs::create_dir_all(directory)?;
    }
    if keep.filter {
        filter::install()?;
    }
    let (model, own) = (keep.model, Own::default());
    let breach = watch::breach(keep)?;
    let input = pipe::Receiver::from_owned_fd(copy(io::stdin().as_fd())?)?;
    let output = pipe::Sender::from_owned_fd(copy(io::stdout().as_fd())?)?;
    let (tunnel, mut arrivals, work) = tunnel(tokio::io::join(input, output), false);
    let mut tasks = JoinSet::new();
    if model {
        doors::open(&mut tasks, Door::Model, &tunnel).await?;
    }
    doors::open(&mut tasks, Door::Egress, &tunnel).await?;
    let greet = tunnel.clone();
    tasks.spawn(async move {
        let _ = hello(&greet).await;
    });
    tasks.spawn(orphans::bury(signal(SignalKind::child())?, own.clone()));
    let serve = async {
        while let Some(stream) = arrivals.next().await {
            tasks.spawn(programs::run(stream, own.clone()));
        }
        // Nobody is told any more.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = work => Ok(exit::ALONE),
        () = serve => Ok(exit::ALONE),
        breach = breach => Ok(breach.map_or(exit::CONFUSED, Breach::status)),
        _ = terminate.recv() => {
            everybody_ends().await;
            Ok(0)
        }
    }
}

fn copy(descriptor: BorrowedFd<'_>) -> io::Result<std::os::fd::OwnedFd> {
    descriptor.try_clone_to_owned()
}

async fn hello(tunnel: &Tunnel) -> io::Result<()> {
    let mut stream = tunnel.open().await?;
    write_head(&mut stream, &Door::Hello).await?;
    write_head(&mut stream, &Hello { protocol: PROTOCOL, limited: memory::limited() }).await?;
    stream.shutdown().await
}

/// Asks every process but us to end, and waits for it. Who does not, is killed by the
/// engine when its patience ends.
async fn everybody_ends() {
    // Everybody is the container, when we are its first process. Else it could be the machine.
    if std::process::id() != 1 {
        return;
    }
    // A negative 1 is everybody: kill(2).
    let _ = kill_process_group(Pid::INIT, Signal::TERM);
    let _ = kill_process_group(Pid::INIT, Signal::CONT);
    while others() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether anybody is alive but us.
fn others() -> bool {
    processes().any(|(pid, process)| pid != std::process::id() && !process.is_dead)
}
