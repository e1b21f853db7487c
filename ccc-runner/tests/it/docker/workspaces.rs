//! Tests of the workspace after a run, mounted or copied.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use ccc_core::container::{Command, ContainerSpec};
use ccc_core::{ContainerExt, ContainerRunner};
use ccc_runner::Workspaces;

use super::{engine, new_run, patiently, runner};

/// Returns every path with its mode, its number of links, and its contents or target.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let kind = metadata.file_type();
            let mode = metadata.permissions().mode();
            let more = match () {
                () if kind.is_dir() => "directory".to_owned(),
                () if kind.is_symlink() => format!("to {:?}", fs::read_link(&path).unwrap()),
                () if metadata.blocks() == 0 => format!("{} bytes without blocks", metadata.len()),
                () if kind.is_file() => format!("{:?}", fs::read(&path).unwrap()),
                () => "something else".to_owned(),
            };
            let links = if kind.is_file() { metadata.nlink() } else { 0 };
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, format!("{mode:o} {links} {more}"));
            if kind.is_dir() {
                open.push(path);
            }
        }
    }
    found
}

const WORK: &str = r#"
set -e
test "$(cat kept)" = kept; test "$(cat deep/er/file)" = deep; test -x run; test "$(readlink link)" = kept
echo changed > changed; rm gone; mkdir -p new/dir; echo new > new/dir/file; chmod 755 new/dir/file
ln -s /etc/passwd out; ln kept same; mkfifo pipe; printf x > 'a name with spaces and ü'
truncate -s 15M holes; truncate -s 15M more-holes
mkdir shut; echo s > shut/s; chmod 000 shut; echo t > secret; chmod 000 secret
"#;

#[tokio::test]
async fn a_workspace_is_the_same_after_a_run_whether_mounted_or_copied() {
    if !engine() {
        return;
    }
    let mut trees = Vec::new();
    for workspaces in [Workspaces::Mounted, Workspaces::Copied] {
        let parent = tempfile::tempdir().unwrap();
        let workspace = parent.path().join("workspace");
        fs::create_dir_all(workspace.join("deep/er")).unwrap();
        for (name, text) in [
            ("kept", "kept"),
            ("changed", "before"),
            ("gone", ""),
            ("deep/er/file", "deep"),
            ("run", "#!/bin/sh\n"),
        ] {
            fs::write(workspace.join(name), text).unwrap();
        }
        fs::set_permissions(workspace.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("kept", workspace.join("link")).unwrap();
        let (runner, _state) = runner(workspaces);
        let (run, mut spec) = (new_run(), ContainerSpec::new(&workspace));
        spec.resources.workspace_bytes = 20 << 20;
        let container = runner.spawn(run, &spec).await.unwrap();
        let output = patiently(container.output(&Command::new(["sh", "-c", WORK]))).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        patiently(container.stop(Duration::ZERO)).await.unwrap();
        patiently(runner.destroy(run)).await.unwrap();
        for shut in ["shut", "secret"] {
            let mode = fs::symlink_metadata(workspace.join(shut)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0, "{shut}");
            fs::set_permissions(workspace.join(shut), fs::Permissions::from_mode(0o700)).unwrap();
        }
        trees.push(tree(&workspace));
        ccc_core::remove_tree::remove_tree(workspace).await.unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0, "files were left beside it");
    }
    assert_eq!(trees[0], trees[1]);
    assert_eq!(trees[0].len(), 19, "{:#?}", trees[0]);
}
