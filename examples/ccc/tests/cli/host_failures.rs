//! Tests of runs on a host that fails: the run's comment, and leftovers.

use ccc_core::testing::git;
use github_emulator::Fault;

use super::fixture::Site;

const FIX: &str = "command:sed -i s/3/2/ sum.txt";

/// Starts a run for the first issue after `arrange`. Waits until its comment contains `expected` and
/// all tokens are revoked.
async fn check(what: &str, expected: &str, arrange: impl AsyncFn(&Site)) -> Site {
    let site = Site::start(FIX).await;
    arrange(&site).await;
    site.open_issue("The sum is wrong").await;
    site.until(what, |site| site.comments().iter().any(|text| text.contains(expected))).await;
    site.until("tokens are revoked", |site| site.github.tokens().iter().all(|t| t.revoked)).await;
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_is_reported_with_the_step_that_resolves_it() {
    // spec: G7c
    check("a protected branch", "create the branches of runs", async |site| {
        let words = "error: GH006: Protected branch update failed for refs/heads/claude/x.";
        site.github.refuse_push(&site.repo, "claude/", words).await.unwrap();
    })
    .await;
    check("a base branch that was deleted", "no longer exists", async |site| {
        // Between the push and the pull request.
        let body = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","field":"base","code":"invalid"}]}"#;
        site.github.inject(
            Fault::on("POST", "/repos/octo/hello/pulls").body(422, "application/json", body),
        );
    })
    .await;
    check("no permission for pull requests", "Pull requests: write", async |site| {
        site.github.fail_next("POST", "/repos/octo/hello/pulls", 403, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_of_a_workflow_file_is_explained() {
    // spec: G7c
    // The service's policy always refuses a changed workflow file first, so the host is configured
    // to refuse the push of an ordinary change with the same words.
    let site = Site::start(FIX).await;
    let words = "refusing to allow a GitHub App to create or update workflow \
                 `.github/workflows/x.yml` without `workflows` permission";
    site.github.refuse_push(&site.repo, "claude/", words).await.unwrap();
    site.open_issue("Fix the sum").await;
    let told = |site: &Site| site.comments().iter().any(|t| t.contains("changes a workflow file"));
    site.until("the refusal is reported", told).await;
    assert_eq!(site.github.pull_requests(&site.repo).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_moved_gets_its_pull_request() {
    // spec: G8c
    let site = Site::start(FIX).await;
    // The late delivery still contains the old name.
    let late = site.missed_issue("The sum is wrong").await;
    site.github.rename(&site.repo, "renamed");
    let (status, body) = site.deliver("issues", "late", &late).await;
    assert_eq!(status, 202, "{body}");
    let told = |site: &Site| site.comments().iter().any(|text| text.contains("Opened #2"));
    site.until("the pull request is reported", told).await;
    let pulls = site.github.pull_requests(&site.repo);
    assert!(pulls[0].url.contains("/octo/renamed/pull/"), "{}", pulls[0].url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_publish_ends_before_the_checkout() {
    // spec: W10a, G7c
    for (what, arrange) in [
        ("locked", (|site| site.github.set_issue_locked(&site.repo, 1, true)) as fn(&Site)),
        ("deleted", |site| site.github.delete_issue(&site.repo, 1)),
        ("archived", |site| site.github.set_archived(&site.repo, true)),
        ("uninstalled", |site| site.github.uninstall("octo")),
        ("suspended", |site| site.github.set_suspended("octo", true)),
        ("repository deleted", |site| site.github.delete_repository(&site.repo)),
    ] {
        let site = Site::start("command:touch ran").await;
        let late = site.missed_issue("Wrong").await;
        arrange(&site);
        let (status, body) = site.deliver("issues", "late", &late).await;
        assert_eq!(status, 202, "{what}: {body}");
        site.until(what, |site| site.service.log().contains("\"outcome\":")).await;
        let log = site.service.log();
        let cloned = site.github.calls().iter().any(|call| call.path.ends_with("/git-upload-pack"));
        assert!(!cloned, "{what}: {log}");
        assert_eq!(site.comments().len(), 0, "{what}");
        let words = match what {
            "locked" => "skipped: issue locked",
            "deleted" => "skipped: issue gone",
            "archived" => "the repository is archived",
            "suspended" => "the GitHub App is suspended on octo",
            _ => "the GitHub App is not installed on octo/hello, or there is no such repository",
        };
        assert!(log.contains(words), "{what}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successful_run_makes_four_writes_and_only_the_necessary_reads() {
    // spec: G10
    let site = check("a pull request", "Opened #2", async |_| {}).await;
    let calls = site.github.calls();
    let mut seen: Vec<String> = calls
        .iter()
        .filter(|call| !call.path.contains(".git/"))
        .map(|call| {
            let path = call.path.replace("/repos/octo/hello", "");
            let numbers = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && part.len() > 3;
            let path: Vec<_> = path.split('/').map(|p| if numbers(p) { "N" } else { p }).collect();
            format!("{} {}", call.method, path.join("/"))
        })
        .collect();
    seen.sort();
    let mut expected = [
        // The four writes.
        ("POST /issues/1/reactions", 1),
        ("POST /issues/1/comments", 1),
        ("POST /pulls", 1),
        ("PATCH /issues/comments/N", 1),
        // The actor's permission, before the delivery is stored and before the run starts (W11c, X11).
        ("GET /collaborators/writer/permission", 2),
        // The issue's state, and the repository's present name (W10a, G8c).
        ("GET /issues/1", 1),
        ("GET ", 1),
        // The earlier comments for the agent, and a search for an existing comment of this run (X12b,
        // G7b). The search is not repeated when the comment is edited.
        ("GET /issues/1/comments", 2),
        // A search for an existing pull request (G7a).
        ("GET /pulls", 1),
        // A token for each set of permissions of the run. Intake and the run share the token that reads.
        // Each is revoked after its use (G1a).
        ("GET /installation", 1),
        ("POST /app/installations/N/access_tokens", 3),
        ("DELETE /installation/token", 3),
        // The log of deliveries, when the service starts (W8a).
        ("GET /app/hook/deliveries", 1),
        // The identity of the App, once in the lifetime of the process (G9).
        ("GET /app", 1),
        ("GET /users/ccc-app[bot]", 1),
    ]
    .into_iter()
    .flat_map(|(call, times)| std::iter::repeat_n(call.to_owned(), times))
    .collect::<Vec<_>>();
    expected.sort();
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_of_another_user_with_the_runs_name_is_not_changed() {
    // spec: G7c
    let dir = tempfile::TempDir::new().unwrap();
    let go = dir.path().join("go");
    let wait = format!("until [ -e {} ]; do sleep 0.02; done", go.display());
    let site = Site::start(&format!("command:sh -c '{wait}; sed -i s/3/2/ sum.txt'")).await;
    site.open_issue("Wrong").await;
    // The name of the branch follows from the run's ID. Another user reads that in the first comment,
    // and creates the branch.
    site.until("the first comment", |site| {
        site.comments().iter().any(|text| text.contains("Working"))
    })
    .await;
    let greeting = site.comments()[0].clone();
    let run = greeting.split('`').nth(1).unwrap().to_owned();
    let branch = format!("claude/issue-1-{}", &run[run.len() - 8..]);
    site.github.write_file(&site.repo, &branch, "theirs", b"theirs").await.unwrap();
    std::fs::write(&go, "").unwrap();
    site.until("the refusal is reported", |site| {
        site.comments().iter().any(|text| text.contains("does not point to the commit of this run"))
    })
    .await;
    assert_eq!(site.file(&branch, "theirs"), "theirs");
    assert_eq!(site.github.pull_requests(&site.repo).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_responses_to_writes_lead_to_one_branch_and_one_pull_request() {
    // spec: X9, G7a
    let site = check("a pull request", "Opened #2", async |site| {
        let push = Fault::on("POST", "/octo/hello.git/git-receive-pack");
        site.github.inject(push.cut().after_the_effect());
        site.github.inject(Fault::on("POST", "/repos/octo/hello/pulls").cut().after_the_effect());
    })
    .await;
    assert_eq!(site.github.pull_requests(&site.repo).len(), 1);
    let heads = git(site.dir.path(), &["ls-remote", "--heads", &site.github.git_url(&site.repo)]);
    assert_eq!(heads.lines().count(), 2, "main, and one branch: {heads}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_in_the_log_at_any_level() {
    // spec: S6b
    let site = Site::start_with(FIX, &[("CCC_LOG", "trace")]).await;
    // These calls fail, so that errors are logged too.
    site.github.inject(Fault::on("GET", "/repos/octo/hello/issues").status(502));
    site.github.inject(Fault::on("POST", "/repos/octo/hello/pulls").status(500).after_the_effect());
    // The first token is that of intake.
    site.github.inject(Fault::on("DELETE", "/installation/token").status(400).times(2));
    site.open_issue("The sum is wrong").await;
    site.until("a pull request", |site| {
        site.comments().iter().any(|text| text.contains("Opened #2"))
    })
    .await;
    let log = site.service.log();
    assert!(log.contains("TRACE") && log.contains("cannot revoke the run's read token"), "{log}");
    // Parts of an installation token, a JWT, git's header for a token, the private key, and the webhook
    // secret.
    for secret in ["ghs_", "eyJ", "eC1hY2Nlc3MtdG9rZW", "BEGIN RSA", super::fixture::SECRET] {
        let shown = log.lines().find(|line| line.contains(secret));
        assert_eq!(shown, None, "{secret}");
    }
    let said = site.comments().join("\n") + &site.github.pull_requests(&site.repo)[0].body;
    assert!(!said.contains("ghs_"), "{said}");
}
