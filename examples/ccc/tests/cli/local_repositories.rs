//! Tests of `ccc run` with the forms that a repository on this machine can have.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Output;

use ccc_core::testing::{git, has_part};

use super::fixture::{ccc, text};

const FIX: &str =
    "command:sh -c 'cat > prompt.txt; sed -i s/3/2/ sum.txt; rm prompt.txt; echo fixed'";

/// Creates a repository with one commit, whose file `sum.txt` is wrong.
fn repository(dir: &Path, options: &[&str]) {
    std::fs::create_dir_all(dir).unwrap();
    git(dir, &[&["init", "--quiet"], options].concat());
    for commit in ["1 + 1 = 4\n", "1 + 1 = 3\n"] {
        std::fs::write(dir.join("sum.txt"), commit).unwrap();
        std::fs::create_dir_all(dir.join("a/b")).unwrap();
        std::fs::write(dir.join("a/b/c"), "c").unwrap();
        git(dir, &["add", "."]);
        git(dir, &["commit", "--quiet", "-m", "start"]);
    }
}

fn run(dir: &Path, repo: &OsStr, variables: &[(&str, &OsStr)]) -> Output {
    ccc()
        .args([OsStr::new("run"), OsStr::new("--repo"), repo])
        .args(["--issue", "The sum is wrong", "--agent", FIX])
        .env("CCC_DATA_DIR", dir.join("data"))
        .envs(variables.iter().copied())
        .current_dir(dir)
        .output()
        .unwrap()
}

/// Checks that a run with `--repo repo` creates a branch in the repository at `found`.
fn solved(dir: &Path, repo: &OsStr, found: &Path) {
    let output = run(dir, repo, &[]);
    assert!(output.status.success(), "{repo:?}: {}", text(&output.stderr));
    let shown = text(&output.stdout);
    let file = format!("{}:sum.txt", shown.lines().next().unwrap());
    assert_eq!(git(found, &["show", &file]), "1 + 1 = 2", "{repo:?}");
}

/// Checks that a run with `--repo repo` is refused before it starts, with `expected` in the error.
fn refused(dir: &Path, repo: &str, expected: &str, variables: &[(&str, &OsStr)]) {
    let output = run(dir, OsStr::new(repo), variables);
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{repo}: {shown}");
    assert!(shown.contains(expected), "{repo}: {shown}");
    assert!(!dir.join("data/runs").exists(), "{repo}: a run was started: {shown}");
}

#[test]
fn a_run_works_in_each_form_of_a_repository() {
    // spec: X20e
    let dir = tempfile::TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    let plain = at("plain");
    repository(&plain, &[]);
    git(&plain, &["worktree", "add", "--quiet", "-b", "side", "../worktree"]);
    git(dir.path(), &["clone", "--quiet", "--bare", "plain", "bare.git"]);
    git(dir.path(), &["clone", "--quiet", "plain", "above"]);
    let submodule = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    git(&at("above"), &[&submodule[..], &["../plain", "module"]].concat());
    git(&at("above/module"), &["switch", "--quiet", "main"]);
    std::os::unix::fs::symlink("plain/a", at("link")).unwrap();
    let not_utf8 = dir.path().join(OsString::from_vec(b"not-\xff-utf8".to_vec()));
    repository(&not_utf8, &[]);
    let path = |name: &str| (OsString::from(name), at(name));
    let below = |name: &str, repo: &str| (OsString::from(name), at(repo));
    for (repo, found) in [
        path("plain"),
        below("plain/a", "plain"),
        below("plain/a/b", "plain"),
        below("link", "plain"),
        path("worktree"),
        below("worktree/a", "worktree"),
        path("bare.git"),
        path("above/module"),
        below("above/module/a", "above/module"),
        (not_utf8.file_name().unwrap().to_owned(), not_utf8.clone()),
        (not_utf8.join("a").into_os_string(), not_utf8.clone()),
    ] {
        solved(dir.path(), &repo, &found);
    }
}

#[test]
fn a_repository_that_a_run_cannot_use_is_refused_with_the_next_step() {
    // spec: X20e
    let dir = tempfile::TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    let plain = at("plain");
    repository(&plain, &[]);
    git(&plain, &["config", "uploadpack.allowFilter", "true"]);
    let head = git(&plain, &["rev-parse", "HEAD"]);
    let url = format!("file://{}", plain.display());
    git(dir.path(), &["clone", "--quiet", "--depth=1", &url, "shallow"]);
    git(dir.path(), &["clone", "--quiet", "--depth=1", &url, "two words"]);
    for (filter, name) in [("blob:none", "partial"), ("tree:0", "treeless")] {
        let filter = format!("--filter={filter}");
        git(dir.path(), &["clone", "--quiet", "--no-checkout", &filter, &url, name]);
    }
    // A repository that borrows the objects of a partial clone.
    git(dir.path(), &["init", "--quiet", "alternates"]);
    let borrowed = format!("{}\n", at("partial/.git/objects").display());
    std::fs::write(at("alternates/.git/objects/info/alternates"), borrowed).unwrap();
    git(&at("alternates"), &["update-ref", "refs/heads/main", &head]);
    git(dir.path(), &["clone", "--quiet", "plain", "detached"]);
    git(&at("detached"), &["switch", "--quiet", "--detach"]);
    repository(&at("sha256"), &["--object-format=sha256"]);
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::create_dir_all(at("broken/.git")).unwrap();
    std::fs::create_dir_all(at("sparse")).unwrap();
    std::fs::File::create(at("sparse/.git")).unwrap().set_len(5 << 30).unwrap();
    for (name, link) in [("refs", "refs/heads/claude"), ("objects", "objects/0f")] {
        let name = format!("outside-{name}");
        git(dir.path(), &["clone", "--quiet", "plain", &name]);
        let link = at(&name).join(".git").join(link);
        let _ = std::fs::remove_dir_all(&link);
        std::os::unix::fs::symlink(at("empty"), link).unwrap();
    }
    for (repo, expected) in [
        ("shallow", "fetch --unshallow`"),
        ("shallow/a", "fetch --unshallow`"),
        ("two words", "two words' fetch --unshallow`"),
        ("partial", "fetch --refetch --no-filter`"),
        ("treeless", "fetch --refetch --no-filter`"),
        ("alternates", "lacks objects of the checked-out branch"),
        ("alternates", "or in the repository that its file `objects/info/alternates` names"),
        ("detached", "`git switch BRANCH`"),
        ("sha256", "supports only SHA-1"),
        ("empty", "is not in a git repository"),
        ("broken", "is not in a git repository"),
        ("sparse", "more than 64 KiB"),
        ("outside-refs", "the file refs/heads/claude in its git directory"),
        ("outside-objects", "the file objects/0f in its git directory"),
    ] {
        refused(dir.path(), repo, expected, &[]);
    }
    // The steps of the messages.
    git(&at("shallow"), &["fetch", "--quiet", "--unshallow"]);
    git(&at("detached"), &["switch", "--quiet", "main"]);
    let mut usable = vec!["shallow", "detached"];
    for name in ["partial", "treeless"] {
        git(&at(name), &["fetch", "--quiet", "--refetch", "--no-filter"]);
        usable.push(name);
    }
    for name in usable {
        solved(dir.path(), OsStr::new(name), &at(name));
    }
}

#[test]
fn a_repository_needs_only_the_objects_of_the_checked_out_branch() {
    // spec: X20e
    let dir = tempfile::TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    let plain = at("plain");
    repository(&plain, &[]);
    git(&plain, &["config", "uploadpack.allowFilter", "true"]);
    git(&plain, &["switch", "--quiet", "--create", "side"]);
    std::fs::write(plain.join("large"), "large").unwrap();
    git(&plain, &["add", "."]);
    git(&plain, &["commit", "--quiet", "-m", "large"]);
    git(&plain, &["switch", "--quiet", "main"]);
    let url = format!("file://{}", plain.display());
    git(dir.path(), &["clone", "--quiet", "--filter=blob:none", &url, "partial"]);
    let partial = at("partial");
    // The history of the branch is complete, that of another branch is not.
    git(&partial, &["rev-list", "--objects", "main"]);
    git(&partial, &["cat-file", "-e", "main~1:sum.txt"]);
    git(&partial, &["branch", "--quiet", "side", "origin/side"]);
    solved(dir.path(), OsStr::new("partial"), &partial);
    // The other branch is checked out.
    git(&partial, &["symbolic-ref", "HEAD", "refs/heads/side"]);
    std::fs::remove_dir_all(at("data")).unwrap();
    refused(dir.path(), "partial", "lacks objects of the checked-out branch", &[]);
}

/// Creates a repository that belongs to another user, and a home directory. Returns `None` if this
/// process cannot change the owner.
fn of_another_user(dir: &Path) -> Option<(PathBuf, PathBuf)> {
    let root = rustix::process::geteuid().is_root();
    if !has_part("root", root, "run this as root") {
        return None;
    }
    let (repo, home) = (dir.join("repo"), dir.to_owned());
    repository(&repo, &[]);
    for path in [&repo, &repo.join(".git")] {
        chown(path, Some(65_534), Some(65_534)).unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().uid(), 65_534);
    }
    Some((std::fs::canonicalize(repo).unwrap(), home))
}

#[test]
fn only_safe_directory_of_the_user_permits_a_repository_of_another_user() {
    // spec: X20f
    let dir = tempfile::TempDir::new().unwrap();
    let Some((repo, home)) = of_another_user(dir.path()) else {
        return;
    };
    let config = home.join(".gitconfig");
    let variables = [("HOME", home.as_os_str())];
    let (shown, above) = (repo.display(), repo.parent().unwrap().display());
    let step = format!("git config --global --add safe.directory {shown}");
    refused(dir.path(), "repo", &step, &[]);
    std::fs::write(home.join("included"), format!("[safe]\n\tdirectory = {shown}\n")).unwrap();
    let trace = home.join("trace");
    for (text, permitted) in [
        ("[safe]\n\tdirectory = *\n".to_owned(), true),
        (format!("[safe]\n\tdirectory = {shown}\n"), true),
        (format!("[safe]\n\tdirectory = /elsewhere\n\tdirectory = {shown}\n"), true),
        ("[include]\n\tpath = included\n".to_owned(), true),
        ("[safe]\n\tdirectory = ~/repo\n".to_owned(), true),
        ("[safe]\n\tdirectory = /elsewhere\n".to_owned(), false),
        (format!("[safe]\n\tdirectory = {above}\n"), false),
        (format!("[safe]\n\tdirectory = {shown}/a\n"), false),
        // An empty value removes the values before it.
        (format!("[safe]\n\tdirectory = {shown}\n\tdirectory =\n"), false),
        ("[safe]\n\tbareRepository = all\n".to_owned(), false),
        ("not a configuration".to_owned(), false),
    ] {
        // Git reads these settings from the user's configuration, and not from a repository.
        let extra = format!(
            "[trace2]\n\teventTarget = {0}\n\tnormalTarget = {0}\n\tperfTarget = {0}\n[init]\n\tdefaultObjectFormat = sha256\n",
            trace.display()
        );
        let before = if text.starts_with('[') { &extra } else { "" };
        std::fs::write(&config, format!("{before}{text}")).unwrap();
        if permitted {
            let output = run(dir.path(), OsStr::new("repo"), &variables);
            assert!(output.status.success(), "{text}: {}", super::fixture::text(&output.stderr));
            std::fs::remove_dir_all(dir.path().join("data")).unwrap();
        } else {
            refused(dir.path(), "repo", &step, &variables);
        }
        assert!(!trace.exists(), "another setting of the user had an effect: {text}");
    }
    // Git itself writes the trace, so the fixture can fail.
    std::fs::write(&config, format!("[trace2]\n\teventTarget = {}\n", trace.display())).unwrap();
    let plain = std::process::Command::new("git").arg("version").env("HOME", &home).output();
    assert!(plain.unwrap().status.success() && trace.exists());
}

#[test]
fn the_repository_itself_cannot_state_that_it_is_safe() {
    // spec: X20f
    let dir = tempfile::TempDir::new().unwrap();
    let Some((repo, home)) = of_another_user(dir.path()) else {
        return;
    };
    let config = repo.join(".git/config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[safe]\n\tdirectory = *\n")).unwrap();
    refused(dir.path(), "repo", "belongs to another user", &[("HOME", home.as_os_str())]);
    // A repository inside of one that the user owns is not opened in its place.
    repository(&dir.path().join("ours"), &[]);
    std::fs::rename(&repo, dir.path().join("ours/inner")).unwrap();
    refused(dir.path(), "ours/inner/a", "belongs to another user", &[]);
    std::fs::remove_file(dir.path().join("ours/inner/.git/config")).unwrap();
    std::fs::write(dir.path().join("ours/inner/.git/HEAD"), "no reference").unwrap();
    refused(dir.path(), "ours/inner", "git cannot open the directory", &[]);
}
