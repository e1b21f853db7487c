//! Monitoring of the limits that the engine does not enforce (spec: X2).

use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use ccc_keeper::{KeeperConfig, LimitBreach, measure};
use tokio::sync::oneshot;

use crate::cgroup;

/// The bounds of the interval between two checks. Within them, the interval is ten times the
/// duration of a check.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);
/// The number of consecutive checks at the process limit that count as a breach.
const CROWDED_CHECKS: u32 = 3;

/// Starts the monitor and returns a channel that receives the first exceeded limit. The monitor's
/// thread is created at the start, because no thread can be created at the process limit.
pub(crate) fn breach(config: KeeperConfig) -> io::Result<oneshot::Receiver<LimitBreach>> {
    let (tell, told) = oneshot::channel();
    thread::Builder::new().name("limits".to_owned()).spawn(move || {
        let _ = tell.send(monitor(&config));
    })?;
    Ok(told)
}

fn monitor(config: &KeeperConfig) -> LimitBreach {
    let mut crowded = 0;
    let mut wait = SHORTEST;
    loop {
        thread::sleep(wait);
        crowded = if cgroup::is_at_process_limit() { crowded + 1 } else { 0 };
        if crowded == CROWDED_CHECKS {
            return LimitBreach::Processes;
        }
        let begun = Instant::now();
        if let Some(breach) = measure(Path::new(&config.workspace), config.bytes, config.entries) {
            return breach;
        }
        wait = (begun.elapsed() * 10).clamp(SHORTEST, LONGEST);
    }
}
