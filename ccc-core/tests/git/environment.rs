//! Tests of the environment of git: variables and configuration of the service change nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ccc_core::Secret;
use ccc_core::git::HostGit;
use ccc_core::vcs::{Access, Grant};

use crate::http_server::{Answer, Server, TOKEN, work};
use crate::support::{TREE, World, git, refs, script, write};

/// The variable that gives the child process of the test below its directory.
const CHILD: &str = "CCC_TEST_GIT_CHILD";

/// Runs the git operations if the process is the child with the hostile environment.
#[tokio::test]
async fn child_of_a_hostile_environment() {
    let Some(place) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let url = fs::read_to_string(place.join("url")).unwrap();
    let header = Secret::from(format!("Bearer {TOKEN}"));
    let access = Access::open(Grant::Publish, url).with_token(Secret::from(TOKEN), header, None);
    let host = HostGit::open(place.join("host")).unwrap();
    work(&host, &access).await.unwrap();
}

#[tokio::test]
async fn the_environment_does_not_change_what_git_does() {
    // spec: X5b, X5c
    let world = World::new(TREE);
    git(&world.remote, &["config", "http.receivepack", "true"]);
    let server = Server::new(Answer::Git(world.path().to_owned()));
    let place = world.path().join("place");
    let (home, bin, log) = (place.join("home"), place.join("bin"), place.join("log"));
    let canary = world.path().join("canary");
    write(&place, "url", server.url());
    let evil = place.join("evil");
    script(&evil, &format!("echo \"$0 $*\" >> {}; exit 1", canary.display()));
    let evil = evil.display();
    let hooks = home.join("hooks");
    for hook in ["pre-push", "post-index-change", "reference-transaction", "post-checkout"] {
        script(&hooks.join(hook), &format!("echo hook >> {}", canary.display()));
    }
    let config = format!(
        "[core]\n\thooksPath = {0}\n\tfsmonitor = {evil}\n\tattributesFile = {0}/attributes\n\
         [filter \"x\"]\n\tclean = {evil}\n\tsmudge = {evil}\n\
         [credential]\n\thelper = {evil}\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = {evil}\n\
         [url \"file:///nowhere/\"]\n\tinsteadOf = http://127.0.0.1\n",
        hooks.display()
    );
    write(&home, ".gitconfig", &config);
    write(&home, ".config/git/config", &config);
    write(&hooks, "attributes", "* filter=x\n");
    write(&place, "template/hooks/post-index-change", "");
    script(&place.join("template/hooks/pre-push"), &format!("echo t >> {}", canary.display()));

    // Logs each call of git, with one line for each argument and variable.
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.exists());
    let real = real.unwrap();
    script(
        &bin.join("git"),
        &format!(
            // Appends each record at once, because some calls of git run at the same time.
            "{{ for arg; do echo \"arg $arg\"; done; env | sed 's/^/env /'; echo end; }} > {0}.$$\n\
             cat {0}.$$ >> {0}\nexec {1} \"$@\"",
            log.display(),
            real.display()
        ),
    );
    let path = format!("{}:{}", bin.display(), path.to_str().unwrap());
    let hostile = hostile_environment(&place, &evil.to_string(), &canary);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["environment::child_of_a_hostile_environment", "--exact", "--nocapture"])
        .env(CHILD, &place)
        .env("PATH", path)
        .envs(hostile)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{child:?}");
    assert!(!canary.exists(), "{}", fs::read_to_string(&canary).unwrap());
    assert!(refs(&world.remote).contains_key("refs/heads/claude/a"));
    check_calls(&fs::read_to_string(&log).unwrap());
}

/// Returns variables that make plain git run programs, use other files or log what it does.
fn hostile_environment(place: &Path, evil: &str, canary: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("HOME", place.join("home").display().to_string()),
        ("XDG_CONFIG_HOME", place.join("home").join(".config").display().to_string()),
        ("GIT_CONFIG_GLOBAL", place.join("home").join(".gitconfig").display().to_string()),
        ("GIT_CONFIG_SYSTEM", place.join("home").join(".gitconfig").display().to_string()),
        ("GIT_CONFIG_PARAMETERS", format!("'core.fsmonitor'='{evil}'")),
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor".to_owned()),
        ("GIT_CONFIG_VALUE_0", evil.to_owned()),
        ("GIT_TEMPLATE_DIR", place.join("template").display().to_string()),
        ("GIT_DIR", "/nowhere".to_owned()),
        ("GIT_WORK_TREE", "/nowhere".to_owned()),
        ("GIT_INDEX_FILE", "/nowhere".to_owned()),
        ("GIT_OBJECT_DIRECTORY", "/nowhere".to_owned()),
        ("GIT_EXEC_PATH", "/nowhere".to_owned()),
        ("GIT_ALLOW_PROTOCOL", "ext".to_owned()),
        ("GIT_ASKPASS", evil.to_owned()),
        ("SSH_ASKPASS", evil.to_owned()),
        ("GIT_SSH_COMMAND", evil.to_owned()),
        ("GIT_EXTERNAL_DIFF", evil.to_owned()),
        ("GIT_PROXY_COMMAND", evil.to_owned()),
        ("GIT_TRACE", canary.display().to_string()),
        ("GIT_TRACE_CURL", canary.display().to_string()),
        ("GIT_TRACE2_EVENT", canary.display().to_string()),
        ("GIT_CURL_VERBOSE", "1".to_owned()),
        ("GIT_AUTHOR_DATE", "@1 +0100".to_owned()),
        ("GIT_NAMESPACE", "elsewhere".to_owned()),
        ("GIT_DEFAULT_HASH", "sha256".to_owned()),
        ("GIT_LITERAL_PATHSPECS", "1".to_owned()),
        ("LD_LIBRARY_PATH", "/nowhere".to_owned()),
        ("PAGER", evil.to_owned()),
        ("SOME_API_KEY", "sk-something".to_owned()),
    ]
}

/// The variables that a call of git may see.
const VARIABLES: &[&str] = &[
    "PATH",
    "LC_ALL",
    "HOME",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_GLOBAL",
    "GIT_ATTR_NOSYSTEM",
    "GIT_TERMINAL_PROMPT",
    "GIT_ASKPASS",
    "GIT_LFS_SKIP_SMUDGE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_ATTR_SOURCE",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_0",
    "GIT_CONFIG_VALUE_0",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "GIT_SSL_CAINFO",
    // The shell of the wrapper sets these.
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
];

fn check_calls(log: &str) {
    let calls: Vec<&str> = log.split_terminator("end\n").collect();
    assert!(calls.len() > 15, "{log}");
    let mut with_token = 0;
    for call in calls {
        let lines = |kind: &str| -> Vec<&str> {
            call.lines().filter_map(|line| line.strip_prefix(kind)).collect()
        };
        let (args, env) = (lines("arg "), lines("env "));
        assert!(!args.iter().any(|arg| arg.contains(TOKEN)), "{args:?}");
        // Every protocol is denied, and then at most one is allowed.
        let protocols: Vec<_> = args.iter().filter(|arg| arg.starts_with("protocol.")).collect();
        let denied = protocols.iter().take_while(|arg| arg.ends_with("allow=never")).count();
        assert!(*protocols[0] == "protocol.allow=never" && denied == 10, "{args:?}");
        assert!(protocols.len() <= denied + 1, "{args:?}");
        assert!(!args.iter().any(|arg| arg.to_lowercase().contains("authorization")), "{args:?}");
        for variable in &env {
            let name = variable.split('=').next().unwrap();
            assert!(VARIABLES.contains(&name), "{variable} is passed on");
        }
        // Only calls that name the remote have its token.
        let remote = args.iter().any(|arg| arg.starts_with("http://"));
        let token = env.iter().filter(|variable| variable.contains(TOKEN)).count();
        assert_eq!(token, usize::from(remote), "{args:?} {env:?}");
        with_token += token;
    }
    // One fetch; one push with a check before and after it; one check for the repeated push.
    assert_eq!(with_token, 5, "{log}");
    assert_eq!(log.lines().filter(|line| *line == "arg push").count(), 1, "{log}");
}
