//! One at a time, and in processes of their own.

use tokio::sync::{Mutex, MutexGuard};

use super::process_info;

/// How many MiB a process is to use beside what it does.
const BALLAST: &str = "CCC_CROWD_BALLAST";

/// Holds the other tests of this program up: children, descriptors and memory are those of the process.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// The most memory, kB, that a process used that ran the test `name` and nothing else. That is the process's
/// own: the programs that it starts are others.
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
    peak.unwrap_or_else(|| panic!("{name} says no peak: {said}")).parse().unwrap()
}

/// Uses it and gives it back.
pub(crate) fn use_what_is_asked_for() {
    let ballast: usize = std::env::var(BALLAST).unwrap_or_default().parse().unwrap_or_default();
    let used = vec![1_u8; ballast << 20];
    assert_eq!(used.iter().rev().take(1).count(), usize::from(ballast > 0));
}

pub(crate) fn say_peak() {
    println!("\npeak: {} kB", process_info::memory("VmHWM"));
}
