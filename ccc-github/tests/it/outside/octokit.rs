//! A test of the emulator with Octokit, the client library of most GitHub Apps.

use serde_json::json;

use super::{has, script};
use crate::common::world;

#[tokio::test]
async fn a_stock_app_works_against_the_emulator() {
    // spec: E3
    if !has("octokit", &["octokit"]) {
        return;
    }
    let world = world().await;
    let input = json!({
        "url": world.emulator.api_url(),
        "app": world.emulator.app_id(),
        "key": world.private_key().expose_str().unwrap(),
        "secret": "hook secret",
        "owner": "octo", "repo": "hello", "person": "alice",
    });
    let said = script(include_str!("octokit.mjs"), &input).await;
    let pull = &world.emulator.pull_requests(&world.emulated)[0];
    assert_eq!(pull.head, "claude/by-octokit");
    assert_eq!(
        said,
        json!({
            "app": [4711, "ccc-app"],
            "repositories": ["octo/hello"],
            "forged": 400,
            "answered": 1,
            "delivery": ["issues", "opened", 200, "By hand"],
            "comments": ["1", "2", "3", "4", "5"],
            "labels": ["bug", "claude"],
            "issue": ["closed", "completed", 4, 1, "ccc-app[bot]"],
            "file": "made outside\n",
            "pull": [3, "open", true, "claude/by-octokit", 1],
            "pulls": [3],
            "files": [["docs/new file.md", "added"]],
            "twice": 422,
            "missing": [404, "Not Found"],
            "limit": 5000,
            "revoked": [401, "Bad credentials"],
            "heard": [
                "issue_comment.created",
                "issue_comment.deleted",
                "issue_comment.edited",
                "issues.closed",
                "issues.labeled",
                "issues.opened",
                "pull_request.opened",
            ],
            "failed": ["[@octokit/webhooks] signature does not match event payload and secret"],
        })
    );
}
