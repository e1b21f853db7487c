//! The random name of an installation of the service. Every container that the installation creates
//! has a label with this name.

use std::fs;
use std::path::Path;

/// Returns the name of this installation: 32 random hexadecimal digits, created at the first call
/// and stored in a file in `state_dir`. The path of `state_dir` cannot serve as the name, because
/// two machines that share an engine can use the same path.
///
/// # Errors
/// Errors of the file system, and [`InvalidData`](std::io::ErrorKind::InvalidData) if the file is
/// damaged.
pub(crate) fn owner(state_dir: &Path) -> std::io::Result<String> {
    let file = state_dir.join("owner");
    match fs::read_to_string(&file) {
        Ok(owner) if owner.len() == 32 && owner.bytes().all(|b| b.is_ascii_hexdigit()) => {
            return Ok(owner);
        }
        Ok(_) => {
            let line = format!(
                "the file {}, which contains the name of this installation, is damaged: remove the file when no run is in progress",
                file.display()
            );
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, line));
        }
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        Err(_) => {}
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let owner = hex::encode(random);
    let made = state_dir.join(format!("owner-{owner}"));
    fs::write(&made, &owner)?;
    // The hard link makes the complete file appear at once. If two processes create the file at the
    // same time, the slower process reads the file of the other process.
    let linked = fs::hard_link(&made, &file);
    fs::remove_file(&made)?;
    match linked {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => fs::read_to_string(&file),
        linked => linked.map(|()| owner),
    }
}
