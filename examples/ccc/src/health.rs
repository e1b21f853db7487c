//! The health of the service.

use serde_json::{Value, json};

use crate::remedy::describe;
use crate::service::Inner;

/// Minimum free disk space of a healthy service, in bytes. With less space, a repository cannot be
/// checked out.
const MIN_FREE_BYTES: u64 = 100 << 20;

/// The result of the check `runs` if the service executes no runs and therefore refuses deliveries
/// (spec: W4d).
const NOT_SERVING: &str = "the service executes no runs: either the service is shutting down, or the program has \
                           not called `Service::serve` or `Service::serve_http`";

/// Returns whether the service is healthy, and the body of the response to `GET /health`.
pub(crate) async fn check(inner: &Inner) -> (bool, Value) {
    let pipeline = inner.dispatcher.pipeline();
    let store = inner.dispatcher.store().list(None, 1).await.map(drop);
    let runner = pipeline.runner().check().await;
    let disk = free_bytes(pipeline.git().root());
    let enough = disk.is_none_or(|free| free >= MIN_FREE_BYTES);
    let serving = inner.dispatcher.is_serving();
    let healthy = store.is_ok() && runner.is_ok() && enough && serving;
    let mut warnings = inner.warnings.clone();
    warnings.extend(inner.app.iter().flat_map(|app| app.warnings()));
    let word =
        |result: &ccc_core::Result<()>| result.as_ref().map_or_else(describe, |()| "ok".to_owned());
    let app_id = inner.app.as_ref().and_then(|app| app.app_id());
    let uptime = inner.clock.now().duration_since(inner.started).as_secs();
    let body = json!({
        "status": if healthy { "ok" } else { "unhealthy" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": uptime,
        // `null` while the service has no GitHub App.
        "app_id": app_id,
        "runs_in_flight": inner.dispatcher.in_flight(),
        "checks": {
            "store": word(&store),
            "runner": word(&runner),
            "disk": if enough { "ok" } else { "less than 100 MiB of disk space is free in the data directory" },
            "runs": if serving { "ok" } else { NOT_SERVING },
        },
        "warnings": warnings,
        "disk_free_bytes": disk,
        "memory_bytes": resident_bytes(),
        "cpu_seconds": cpu_seconds(),
    });
    (healthy, body)
}

/// Returns the free space of the file system that contains `path`, in bytes.
fn free_bytes(path: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
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
