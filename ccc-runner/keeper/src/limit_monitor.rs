//! Monitoring of the limits that the engine does not enforce (spec: X2).

use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use ccc_keeper::{KeeperConfig, LimitBreach, measure};
use tokio::sync::oneshot;

use crate::cgroup;

/// Minimum interval between two checks of the limits. The interval is ten times the duration of the
/// previous check, but at least this value and at most [`MAX_INTERVAL`].
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum interval between two checks of the limits.
const MAX_INTERVAL: Duration = Duration::from_secs(5);
/// The number of consecutive checks after which the process limit counts as exceeded. In each of
/// these checks, the container must be at the limit.
const PROCESS_LIMIT_CHECKS: u32 = 3;

/// Starts a thread that checks the limits of `config`, and returns a channel that receives the
/// first exceeded limit. The thread is created before any program starts, because a container at
/// its process limit cannot create a thread.
pub(crate) fn breach(config: KeeperConfig) -> io::Result<oneshot::Receiver<LimitBreach>> {
    let (tell, told) = oneshot::channel();
    thread::Builder::new().name("limits".to_owned()).spawn(move || {
        let _ = tell.send(monitor(&config));
    })?;
    Ok(told)
}

fn monitor(config: &KeeperConfig) -> LimitBreach {
    let mut at_process_limit = 0;
    let mut wait = MIN_INTERVAL;
    loop {
        thread::sleep(wait);
        at_process_limit = if cgroup::is_at_process_limit() { at_process_limit + 1 } else { 0 };
        if at_process_limit == PROCESS_LIMIT_CHECKS {
            return LimitBreach::Processes;
        }
        let begun = Instant::now();
        if let Some(breach) = measure(Path::new(&config.workspace), config.bytes, config.entries) {
            return breach;
        }
        wait = (begun.elapsed() * 10).clamp(MIN_INTERVAL, MAX_INTERVAL);
    }
}
