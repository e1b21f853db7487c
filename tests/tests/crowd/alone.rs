//! Exclusive execution of tests, and measurements in separate processes.

use tokio::sync::{Mutex, MutexGuard};

use super::process_info;

/// The variable with the additional memory that a process allocates, in MiB.
const BALLAST: &str = "CCC_CROWD_BALLAST";

/// Waits until no other test of this program runs, because children, descriptors and memory are
/// counted per process.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// Runs only the test `name` in a separate process and returns its peak memory, in kB. The memory
/// of programs that this process starts is not included.
pub(crate) async fn peak_of(name: &str, ballast: usize) -> u64 {
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([&format!("crowd::{name}"), "--exact", "--ignored", "--nocapture"])
        .env(BALLAST, ballast.to_string())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}{complained}");
    said.lines().filter(|line| line.contains(" took ")).for_each(|line| println!("{line}"));
    let peak = said.lines().find_map(|line| line.strip_prefix("peak: ")?.strip_suffix(" kB"));
    peak.unwrap_or_else(|| panic!("{name} printed no peak: {said}")).parse().unwrap()
}

/// Allocates and frees the requested memory.
pub(crate) fn use_what_is_asked_for() {
    let ballast: usize = std::env::var(BALLAST).unwrap_or_default().parse().unwrap_or_default();
    let used = vec![1_u8; ballast << 20];
    assert_eq!(used.iter().rev().take(1).count(), usize::from(ballast > 0));
}

pub(crate) fn say_peak() {
    println!("\npeak: {} kB", process_info::memory("VmHWM"));
}
