//! Switch to a run's dedicated UID, for services that run as root.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Remedy, Result};
use tokio::sync::OnceCell;

use crate::runner::container_user::AGENT_UID;
use crate::runner::subprocess::program_path::host_tool;

/// Directories that are hidden from runs. Every user may write to these directories, so a run would
/// find the files of other runs there. `/tmp` is not hidden, because it can contain programs and
/// data that runs need. Instead, the environment variable `TMPDIR` gives each run its own directory
/// for temporary files.
const SHARED_DIRECTORIES: [&str; 3] = ["/var/tmp", "/dev/shm", "/run/lock"];

/// A shell script that hides directories from a program in a dedicated mount namespace. Only root may
/// enter a restricted directory. The arguments of the script are:
///
/// 1. the workspace,
/// 2. the home,
/// 3. the number of restricted directories,
/// 4. a list of shared directories,
/// 5. each restricted directory, and then the program's command.
///
/// The script mounts empty file systems over the restricted and the shared directories. An empty
/// file system can hide the workspace or the home. Therefore the script opens both first, and later
/// mounts both again through the open descriptors.
const HIDE_SCRIPT: &str = r#"
set -e
ccc_path=$PATH ccc_mask=$(umask) ccc_workspace=$1 ccc_home=$2 ccc_restricted=$3
PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 066
exec 8<"$1" 9<"$2"
for ccc_shared in $4; do
  [ -d "$ccc_shared" ] || continue
  mount -t tmpfs -o mode=1777,size=256m,nr_inodes=100k,nosuid,nodev ccc "$ccc_shared"
done
shift 4
while [ "$ccc_restricted" -gt 0 ]; do
  mount -t tmpfs -o mode=0711,size=1m,nosuid,nodev ccc "$1"
  ccc_restricted=$((ccc_restricted - 1))
  shift
done
ccc_put() {
  [ -d "$2" ] || { mkdir -p "$2" && mount --no-canonicalize --bind "/proc/self/fd/$1" "$2"; }
}
ccc_put 8 "$ccc_workspace"
ccc_put 9 "$ccc_home"
exec 8<&- 9<&-
cd "$ccc_workspace"
# If memory runs short, the kernel ends this process before the service.
echo 500 >/proc/self/oom_score_adj || :
umask "$ccc_mask"
PATH=$ccc_path
unset PWD OLDPWD ccc_path ccc_mask ccc_workspace ccc_home ccc_restricted ccc_shared
exec "$@"
"#;

/// The data for starting programs with the UID of a run: the directories that the programs' mount
/// namespace shows and hides, and arguments of `setpriv`.
#[derive(Debug)]
pub(crate) struct UserSwitch {
    workspace: PathBuf,
    home: PathBuf,
    /// The directories that some users may not enter, and that are hidden from programs.
    restricted_directories: Vec<PathBuf>,
    /// The arguments of `setpriv` that change the user.
    pub(crate) setpriv_arguments: [String; 5],
}

/// A check whether a service that is root can switch the UID of programs. After a success, the
/// check is not repeated.
#[derive(Debug, Default)]
pub(crate) struct CanSwitchUser(OnceCell<()>);

impl CanSwitchUser {
    /// Tests the switch: starts a program with the UID [`AGENT_UID`], with `directory` as the
    /// workspace and the home. Does nothing if an earlier call succeeded.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the switch fails.
    pub(crate) async fn check(&self, directory: &Path) -> Result<()> {
        let tried = self.0.get_or_try_init(|| async {
            // Do not use the UID of a run, because the end of a run terminates all processes of
            // that UID.
            let switch = UserSwitch::new(AGENT_UID, directory, directory);
            let namespace = switch.mount_namespace(&host_tool("true")?)?;
            let mut probe = tokio::process::Command::new(host_tool("setsid")?);
            probe.args(&namespace).arg(host_tool("setpriv")?);
            probe.args(switch.setpriv_arguments).args(["--", "true"]);
            let output = probe.kill_on_drop(true).output().await;
            let why = match output {
                Ok(output) if output.status.success() => return Ok(()),
                Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
                Err(error) => error.to_string(),
            };
            let line = format!(
                "the service is root but cannot switch the agent to a dedicated user ({}): give the service \
                 CAP_SYS_ADMIN, start it as an ordinary user, or permit the agent to be root",
                ccc_core::untrusted_text::one_line(&why, 200)
            );
            Err(Error::new(ErrorKind::Unsupported, line).with_remedy(Remedy::PermitAgentAsRoot))
        });
        tried.await.copied()
    }
}

impl UserSwitch {
    /// Creates the switch to the UID `user`, for programs that see the directories `workspace` and
    /// `home`.
    pub(crate) fn new(user: u32, workspace: &Path, home: &Path) -> Self {
        let mut restricted_directories: Vec<PathBuf> = Vec::new();
        for directory in [workspace, home].into_iter().filter_map(restricted_ancestor) {
            // A directory inside another hidden directory is hidden with it.
            if !restricted_directories.iter().any(|other| directory.starts_with(other)) {
                restricted_directories.retain(|other| !other.starts_with(&directory));
                restricted_directories.push(directory);
            }
        }
        let setpriv_arguments = [
            format!("--reuid={user}"),
            format!("--regid={user}"),
            "--clear-groups".to_owned(),
            "--inh-caps=-all".to_owned(),
            "--bounding-set=-all".to_owned(),
        ];
        Self {
            workspace: workspace.to_owned(),
            home: home.to_owned(),
            restricted_directories,
            setpriv_arguments,
        }
    }

    /// Returns the arguments that start `program` in a new mount namespace. The namespace hides the
    /// directories that some users may not enter, and the directories [`SHARED_DIRECTORIES`]. The
    /// caller appends the program's command.
    pub(crate) fn mount_namespace(&self, program: &Path) -> Result<Vec<OsString>> {
        // If the program is in a shared directory, for example in a checkout under `/var/tmp`, that
        // directory stays visible with all its content.
        let program = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
        let within = [&self.workspace, &self.home].iter().any(|place| program.starts_with(place));
        let shared =
            SHARED_DIRECTORIES.iter().filter(|shared| within || !program.starts_with(shared));
        let shared: Vec<&str> = shared.copied().collect();
        // A restricted directory inside a hidden shared directory is hidden with it.
        let hidden =
            |directory: &&PathBuf| !shared.iter().any(|shared| directory.starts_with(shared));
        let restricted: Vec<&PathBuf> = self.restricted_directories.iter().filter(hidden).collect();
        let mut prefix: Vec<OsString> = vec![host_tool("unshare")?.into()];
        // `--ipc`: System V IPC objects and POSIX message queues end with the program, because
        // another run may have its UID later.
        prefix.extend(["--mount", "--ipc", "--propagation", "private", "--"].map(OsString::from));
        prefix.push(host_tool("sh")?.into());
        prefix.extend(["-c", HIDE_SCRIPT, "ccc"].map(OsString::from));
        prefix.extend([self.workspace.clone().into(), self.home.clone().into()]);
        prefix.extend([restricted.len().to_string().into(), shared.join(" ").into()]);
        prefix.extend(restricted.into_iter().map(OsString::from));
        Ok(prefix)
    }
}

/// Returns the topmost directory above `path` that some users may not enter.
fn restricted_ancestor(path: &Path) -> Option<PathBuf> {
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    let restricted =
        |path: &&&Path| fs::metadata(path).is_ok_and(|found| found.mode() & 0o001 == 0);
    above.iter().rev().find(restricted).map(|path| path.to_path_buf())
}

/// Returns whether a run's dedicated user can reach the file `program`.
pub(crate) fn is_reachable(program: &Path) -> bool {
    fs::canonicalize(program).is_ok_and(|program| restricted_ancestor(&program).is_none())
}

/// Checks that the environment variable `name` may be set for a program whose UID is switched.
/// Rejects variables that could affect the tools that switch the UID, because these tools run as
/// root. Also rejects names that are not valid in a shell, because a shell does not pass such
/// variables to its programs.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the variable is rejected.
pub(crate) fn check_variable(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
    let affects_tools = ["LD_", "BASH", "GLIBC_", "MALLOC_", "LIBMOUNT_", "ccc_"]
        .iter()
        .any(|of| name.starts_with(of))
        || matches!(
            name,
            "ENV"
                | "IFS"
                | "PS4"
                | "SHELLOPTS"
                | "POSIXLY_CORRECT"
                | "CDPATH"
                | "GCONV_PATH"
                | "LOCPATH"
                | "NLSPATH"
        );
    if is_name && !affects_tools {
        return Ok(());
    }
    let line = format!(
        "the environment variable `{}` is not permitted for programs if the service is root: remove the variable, or \
         start the service as an ordinary user",
        ccc_core::untrusted_text::one_line(name, 60)
    );
    Err(Error::new(ErrorKind::InvalidInput, line))
}
