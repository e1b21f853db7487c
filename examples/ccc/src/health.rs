//! The health of the service.

use std::sync::Arc;

use ccc_core::{Result, RunId, RunStore};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::health_probes::{Checked, Disk, check_disk};
use crate::remedy::describe;
use crate::service::Inner;

/// Minimum free disk space of a healthy service, in bytes. With less space, a repository cannot be
/// checked out.
const MIN_FREE_BYTES: u64 = 100 << 20;

/// The result of the check `runs` if the service executes no runs and therefore refuses deliveries
/// (spec: W4d).
const NOT_SERVING: &str = "the service executes no runs: either the service is shutting down, or the program has \
                           not called `Service::serve` or `Service::serve_http`";

/// Returns whether the service is healthy, and the body of the response to `GET /health`. Neither a
/// disk that does not respond nor busy threads delay the response (spec: W12f).
pub(crate) async fn check(inner: &Inner) -> (bool, Value) {
    let (probes, clock) = (&inner.probes, &*inner.clock);
    let root = inner.dispatcher.pipeline().git().root().to_owned();
    let (store, runner) = (Arc::clone(&inner.dispatcher), Arc::clone(&inner.dispatcher));
    // The checks of the adapters are executed on the threads of the probes too, because an adapter
    // can access the disk on the thread that executes it.
    let (one, other) = (Handle::current(), Handle::current());
    let (store, runner, disk) = tokio::join!(
        probes.store.check(clock, move || { word(&one.block_on(check_store(&**store.store()))) }),
        probes
            .runner
            .check(clock, move || { word(&other.block_on(runner.pipeline().runner().check())) }),
        probes.disk.check(clock, move || check_disk(&root)),
    );
    let store = answer(store, "the run store does not respond");
    let runner = answer(runner, "the container runner does not respond");
    let (disk, free_bytes) = disk_answer(disk);
    let serving = inner.dispatcher.is_serving();
    let runs = if serving { "ok" } else { NOT_SERVING };
    let healthy = [&*store, &*runner, &*disk, runs].iter().all(|check| *check == "ok");
    let mut warnings = inner.warnings.clone();
    warnings.extend(inner.app.iter().flat_map(|app| app.warnings()));
    warnings.extend(inner.reconciler.iter().filter_map(|reconciler| reconciler.problem()));
    let app_id = inner.app.as_ref().and_then(|app| app.app_id());
    let uptime = inner.clock.now().duration_since(inner.started).as_secs();
    let body = json!({
        "status": if healthy { "ok" } else { "unhealthy" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": uptime,
        // `null` while the service has no GitHub App.
        "app_id": app_id,
        "runs_in_flight": inner.dispatcher.in_flight(),
        "checks": { "store": store, "runner": runner, "disk": disk, "runs": runs },
        "warnings": warnings,
        "disk_free_bytes": free_bytes,
        "memory_bytes": resident_bytes(),
        "cpu_seconds": cpu_seconds(),
    });
    (healthy, body)
}

/// Checks whether the run store can be read and written (spec: Q8).
async fn check_store(store: &dyn RunStore) -> Result<()> {
    // The store contains no such run. A run that cannot be read must not make the service unhealthy.
    store.get(RunId::new(Timestamp::UNIX_EPOCH)?).await?;
    store.check().await
}

fn word(result: &Result<()>) -> String {
    result.as_ref().map_or_else(describe, |()| "ok".to_owned())
}

fn answer(checked: Checked<String>, hangs: &str) -> String {
    match checked {
        Checked::Fresh(word) => word,
        Checked::Hangs(_) => hangs.to_owned(),
    }
}

/// Returns the result of the check `disk`, and the free space in bytes. The space of a disk that does
/// not respond is that of the last check.
fn disk_answer(checked: Checked<Disk>) -> (String, Option<u64>) {
    match checked {
        Checked::Hangs(last) => {
            ("the disk does not respond".to_owned(), last.and_then(|disk| disk.free_bytes))
        }
        Checked::Fresh(Disk { free_bytes, failure }) => {
            let enough = free_bytes.is_none_or(|free| free >= MIN_FREE_BYTES);
            let line = match failure {
                _ if !enough => {
                    "less than 100 MiB of disk space is free in the data directory".to_owned()
                }
                Some(failure) => format!("cannot write to the data directory: {failure}"),
                None => "ok".to_owned(),
            };
            (line, free_bytes)
        }
    }
}

/// Returns the resident memory of this process, in bytes. The kernel reports this memory in pages,
/// in the file `/proc/self/statm` (proc(5)).
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Returns the processor time that this process has used, in seconds. The kernel reports this time
/// in clock ticks, in fields 14 and 15 of the file `/proc/self/stat` (proc(5)).
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in parentheses and can contain spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}
