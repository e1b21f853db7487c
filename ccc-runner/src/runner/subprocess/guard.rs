//! The guard of a run: a process that ends the run's processes if the service ends.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, RunId};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};

use crate::lock::lock;
use crate::runner::subprocess::process_sessions::Session;
use crate::runner::subprocess::processes::{self, GUARD_MARK, OWNER_MARK, Ownership, RUN_MARK};
use crate::runner::subprocess::program_path::{host_tool, search_path};

/// Time limit for a message to a guard. A guard that does not read was stopped.
const MESSAGE_WITHIN: Duration = Duration::from_secs(5);

/// A shell script that waits until the service ends, and then kills the processes of one run
/// (spec: X14e). Only the service has the other end of the script's standard input, and the kernel
/// closes it when the service ends, for whatever reason. A shell is used because a program that
/// embeds this crate has no executable that could be started for this purpose.
///
/// The arguments are the mark of the run (`$1`) and the dedicated UID of the run, if it has one
/// (`$2`). Each line of the standard input names a session of the run: the PID of its leader, and
/// the start time of the leader.
///
/// A process belongs to the run if it has the run's UID, has the mark in its environment, or is in
/// one of the sessions. The kernel does not reuse the PID of a leader while its session has a
/// member. If another process has the PID now, the session has ended.
///
/// The script ends after 20 scans in a row that found no process. One scan is not enough: a program
/// that the service was just starting has neither mark nor session for a moment. A zombie is not
/// counted, because it cannot be killed.
const GUARD_SCRIPT: &str = r#"
ccc_mark=$1 ccc_uid=$2 ccc_sessions=
while read -r ccc_leader ccc_started; do ccc_sessions="$ccc_sessions $ccc_leader:$ccc_started"; done
ccc_stat() {
  ccc_line=
  { while read -r ccc_part; do ccc_line="$ccc_line $ccc_part"; done <"/proc/$1/stat"; } 2>/dev/null
  set -- ${ccc_line##*) }
  ccc_state=$1 ccc_group=$3 ccc_session=$4 ccc_start=${20}
}
ccc_kill() {
  kill -s STOP -- "$@" 2>/dev/null
  kill -s KILL -- "$@" 2>/dev/null
  case $ccc_state in Z|X|'') ;; *) ccc_found=1 ;; esac
}
ccc_quiet=0 ccc_scans=0
while [ "$ccc_quiet" -lt 20 ] && [ "$ccc_scans" -lt 3000 ]; do
  ccc_found=
  if [ -n "$ccc_uid" ]; then
    setpriv --reuid="$ccc_uid" --regid="$ccc_uid" --clear-groups -- sh -c 'kill -s KILL -- -1' 2>/dev/null
    for ccc_process in /proc/[0-9]*; do
      { while read -r ccc_key ccc_value ccc_rest; do
        if [ "$ccc_key" = Uid: ]; then
          if [ "$ccc_value" = "$ccc_uid" ]; then
            ccc_stat "${ccc_process#/proc/}"
            ccc_kill "${ccc_process#/proc/}"
          fi
          break
        fi
      done <"$ccc_process/status"; } 2>/dev/null
    done
  fi
  for ccc_process in $(grep -lzxsF -e "$ccc_mark" /proc/[0-9]*/environ); do
    ccc_process=${ccc_process#/proc/}
    ccc_stat "${ccc_process%/environ}"
    ccc_kill "${ccc_process%/environ}"
  done
  for ccc_process in /proc/[0-9]*; do
    ccc_pid=${ccc_process#/proc/}
    ccc_stat "$ccc_pid"
    for ccc_known in $ccc_sessions; do
      [ "$ccc_session" = "${ccc_known%:*}" ] || continue
      ccc_member=$ccc_group
      ccc_stat "$ccc_session"
      [ -z "$ccc_state" ] || [ "$ccc_start" = "${ccc_known#*:}" ] || break
      ccc_stat "$ccc_pid"
      ccc_kill "-$ccc_member" "$ccc_pid"
      break
    done
  done
  if [ -n "$ccc_found" ]; then ccc_quiet=0; else ccc_quiet=$((ccc_quiet + 1)); sleep 0.1; fi
  ccc_scans=$((ccc_scans + 1))
done
"#;

/// The guards of the runs of one service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guards(Arc<Mutex<HashMap<RunId, Arc<Guard>>>>);

/// A guard process. When this value is dropped, the process kills the processes of its run and
/// ends.
#[derive(Debug)]
struct Guard {
    /// The write end of the pipe whose end the guard awaits. It is marked close-on-exec, so no
    /// program that the service starts has it.
    pipe: tokio::sync::Mutex<ChildStdin>,
    process: tokio::sync::Mutex<Child>,
}

impl Guards {
    /// Starts the guard of `run`. `uid` is the dedicated UID of the run, with a descriptor of the
    /// UID's lock file. The guard has this descriptor, so that no other service can use the UID
    /// while the guard kills its processes.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the guard cannot be started.
    pub(crate) async fn start(
        &self,
        ours: &Ownership,
        run: RunId,
        uid: Option<(u32, OwnedFd)>,
    ) -> Result<()> {
        let (uid, held) = uid.unzip();
        let mut command = Command::new(host_tool("setsid")?);
        command
            .arg(host_tool("sh")?)
            .args(["-c", GUARD_SCRIPT, "ccc-guard"])
            .arg(format!("{RUN_MARK}={run}"))
            .arg(uid.map_or(String::new(), |uid| uid.to_string()))
            .current_dir("/")
            .env_clear()
            .env("PATH", search_path(None))
            .env(GUARD_MARK, run.to_string())
            .env(OWNER_MARK, &ours.state_dir)
            .stdin(Stdio::piped())
            .stdout(held.map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::null());
        let mut process = command.spawn().map_err(|e| {
            Error::new(ErrorKind::Unavailable, "cannot start the guard of the run").with_source(e)
        })?;
        let pipe = process.stdin.take().ok_or_else(ended)?;
        let (pipe, process) = (tokio::sync::Mutex::new(pipe), tokio::sync::Mutex::new(process));
        lock(&self.0).insert(run, Arc::new(Guard { pipe, process }));
        Ok(())
    }

    /// Adds `session` to the sessions whose processes the guard of `run` kills.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the guard has ended, for example because the agent killed it.
    pub(crate) async fn add(&self, clock: &dyn Clock, run: RunId, session: Session) -> Result<()> {
        let guard = lock(&self.0).get(&run).cloned().ok_or_else(ended)?;
        let line = format!("{} {}\n", session.leader(), session.started());
        let write = async {
            let mut pipe = guard.pipe.lock().await;
            pipe.write_all(line.as_bytes()).await?;
            pipe.flush().await
        };
        tokio::select! {
            biased;
            written = write => written.map_err(|e| ended().with_source(e)),
            () = clock.sleep(MESSAGE_WITHIN) => Err(ended()),
        }
    }

    /// Ends the guards of `run`, also those that an earlier service left.
    ///
    /// # Errors
    /// [`ErrorKind::Unexpected`] if the end of a guard cannot be awaited.
    pub(crate) async fn dismiss(&self, ours: &Ownership, run: RunId) -> Result<()> {
        let guard = lock(&self.0).remove(&run);
        if let Some(guard) = guard {
            // The pipe is still open, so the guard does not start to kill.
            guard.process.lock().await.kill().await.map_err(|e| {
                let line = "cannot end the guard of the run";
                Error::new(ErrorKind::Unexpected, line).with_source(e)
            })?;
        }
        processes::kill_guards(ours, run).await
    }
}

fn ended() -> Error {
    let line = "the guard of the run has ended or was stopped: a program of the run may have \
                signaled it";
    Error::new(ErrorKind::Unavailable, line)
}
