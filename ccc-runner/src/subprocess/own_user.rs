//! A user of its own for the programs of a service that was started as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};
use tokio::sync::OnceCell;

use super::tool;
use crate::user::AGENT_USER;

/// Takes what only root may enter out of the programs' sight, all but the workspace (`$1`) and the home (`$2`):
/// the directories `$3` and `$4`, where they are given, are empty ones in a mount namespace of their own. The
/// workspace is found again by its descriptor, because its path leads to nothing any more.
const OUT_OF_SIGHT: &str = r#"
set -e
theirs=$PATH
mask=$(umask)
PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 066
exec 8<"$1" 9<"$2"
for top in "$3" "$4"; do
  [ -z "$top" ] || mount -t tmpfs -o mode=0711,size=1m,nosuid,nodev ccc "$top"
done
put() {
  [ -d "$2" ] || { mkdir -p "$2" && mount --no-canonicalize --bind "/proc/self/fd/$1" "$2"; }
}
put 8 "$1"
put 9 "$2"
exec 8<&- 9<&-
cd "$1"
unset PWD OLDPWD
umask "$mask"
PATH=$theirs
shift 4
exec "$@"
"#;

/// Whether a service started as root may give its programs a user of their own.
#[derive(Debug, Default)]
pub(super) struct Ability(OnceCell<()>);

impl Ability {
    /// Asks once.
    pub(super) async fn check(&self) -> Result<()> {
        let asked = self.0.get_or_try_init(|| async {
            let mut probe = tokio::process::Command::new(tool("unshare")?);
            probe.args(["--mount", "--propagation", "private", "true"]).kill_on_drop(true);
            let output = probe.output().await;
            if output.is_ok_and(|output| output.status.success()) {
                return Ok(());
            }
            let line = "the service runs as root and may make no mount namespace, so it cannot give the agent a \
                        user of its own: start it as an ordinary user, or say runner.dangerously_as_root";
            Err(Error::new(ErrorKind::Unsupported, line))
        });
        asked.await.copied()
    }
}

/// What goes in front of a program, so that it runs as the user and sees what that user may.
pub(super) fn in_front(workspace: &Path, home: &Path) -> Result<Vec<PathBuf>> {
    let (one, other) = (shut_above(workspace), shut_above(home));
    // What lies in the other's is out of sight with it.
    let one = one.filter(|one| !other.as_ref().is_some_and(|o| one != o && one.starts_with(o)));
    let other = other.filter(|other| !one.as_ref().is_some_and(|one| other.starts_with(one)));
    let mut argv = vec![tool("unshare")?];
    argv.extend(["--mount", "--propagation", "private", "--"].map(PathBuf::from));
    argv.push(tool("sh")?);
    argv.extend(["-c", OUT_OF_SIGHT, "ccc"].map(PathBuf::from));
    argv.extend([workspace.to_owned(), home.to_owned()]);
    argv.extend([one, other].map(Option::unwrap_or_default));
    Ok(argv)
}

/// The topmost directory above `path` that not everybody may pass through.
fn shut_above(path: &Path) -> Option<PathBuf> {
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    let shut = |path: &&&Path| fs::metadata(path).is_ok_and(|found| found.mode() & 0o001 == 0);
    above.iter().rev().find(shut).map(|path| path.to_path_buf())
}

/// Says so when the user could not start this program.
pub(super) fn check_program(program: &Path) -> Result<()> {
    let program = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    let Some(shut) = shut_above(&program) else { return Ok(()) };
    let line = format!(
        "{} lies in {}, where the agent's own user, {AGENT_USER}, may not go: install it for everybody, start the \
         service as an ordinary user, or say runner.dangerously_as_root",
        program.display(),
        shut.display()
    );
    Err(Error::new(ErrorKind::InvalidInput, line))
}
