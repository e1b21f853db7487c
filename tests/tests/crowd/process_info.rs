//! Information about this process and the other processes of the host machine.

use std::fs;
use std::path::Path;

/// Returns the value of a line of `/proc/self/status`, in kB.
pub(crate) fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    value.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

/// Returns the targets of this process's open descriptors, without the inode numbers that differ.
pub(crate) fn descriptors() -> Vec<String> {
    let entries: Vec<_> = fs::read_dir("/proc/self/fd").unwrap().flatten().collect();
    // The descriptor that listed the directory is closed now.
    let mut found: Vec<String> = entries
        .iter()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .map(|link| link.display().to_string())
        .map(|link| link.split_once(":[").map_or(link.clone(), |(kind, _)| kind.to_owned()))
        .collect();
    found.sort();
    found
}

/// Returns the children of this process, including zombies. Also returns processes whose arguments,
/// environment, directory or control group contains one of the words.
pub(crate) fn processes(words: &[String]) -> Vec<String> {
    let me = std::process::id();
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found = Vec::new();
    for number in numbers.filter(|number| *number != me) {
        let place = Path::new("/proc").join(number.to_string());
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(place.join(name)).unwrap_or_default()).into_owned()
        };
        let arguments = read("cmdline").replace('\0', " ");
        if parent(&read("stat")) == Some(me) {
            found.push(format!("child {number}: {arguments}"));
            continue;
        }
        let directory = fs::read_link(place.join("cwd")).unwrap_or_default();
        let directory = directory.to_string_lossy().into_owned();
        let text = [&arguments, &read("environ"), &read("cgroup"), &directory];
        if let Some(word) = words.iter().find(|word| text.iter().any(|text| text.contains(*word))) {
            found.push(format!("process {number} of {word}: {arguments}"));
        }
    }
    found
}

/// Returns the parent's id from a `stat` line: the second field after the name. The name can
/// contain any character.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
