//! The job as a script that assumes success of each step.

use std::path::{Path, PathBuf};

use ccc_core::Clock as _;
use ccc_core::SystemClock;
use ccc_github::{AppKey, app_jwt};
use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{Emulator, RepoRef};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::support::{Result, Side, Stopwatch, git};

#[derive(Debug)]
pub(crate) struct Script {
    dir: PathBuf,
    api: String,
    client: reqwest::Client,
    jwt: String,
    installation: u64,
    rounds: usize,
    /// The name of each floor, and its measurements.
    pub(crate) parts: [(&'static str, Side); 4],
}

impl Script {
    pub(crate) async fn new(emulator: &Emulator, repo: &RepoRef, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let key = AppKey::from_pem(&emulator.private_key_pem().expose_secret().into())?;
        let jwt = app_jwt(emulator.app_id(), &key, SystemClock.now())?.expose_str()?.to_owned();
        let mut script = Self {
            dir: dir.to_owned(),
            api: emulator.api_url().to_owned(),
            client: reqwest::Client::builder().no_proxy().build()?,
            jwt: format!("Bearer {jwt}"),
            installation: 0,
            rounds: 0,
            parts: ["git", "checks", "HTTP", "programs"].map(|name| (name, Side::new(""))),
        };
        let found = script.call("GET", &format!("/repos/{repo}/installation"), None, None).await?;
        script.installation = found["id"].as_u64().ok_or("the App is not installed")?;
        let token = script.mint().await?;
        let url = script.url(emulator, repo, &token);
        git(dir, &["clone", "--quiet", "--mirror", "--", &url, "mirror.git"]).await?;
        Ok(script)
    }

    /// Performs the job once for an existing issue. Returns its duration without setup and cleanup.
    pub(crate) async fn run(
        &mut self,
        emulator: &Emulator,
        repo: &RepoRef,
        issue: u64,
    ) -> Result<std::time::Duration> {
        self.rounds += 1;
        let branch = format!("script-{}", self.rounds);
        let workspace = self.dir.join(&branch);
        std::fs::create_dir(&workspace)?;
        let at = format!("/repos/{repo}");
        let issue_at = format!("{at}/issues/{issue}");

        let watch = Stopwatch::start();
        let read = self.mint().await?;
        for path in [
            format!("{at}/collaborators/{}/permission", super::PERSON),
            issue_at.clone(),
            at.clone(),
        ] {
            self.call("GET", &path, Some(&read), None).await?;
        }
        let discuss = self.mint().await?;
        let thumb = json!({ "content": "eyes" });
        self.call("POST", &format!("{issue_at}/reactions"), Some(&discuss), Some(thumb)).await?;
        self.call("GET", &format!("{issue_at}/comments"), Some(&discuss), None).await?;
        let words = json!({ "body": "Working on it." });
        let path = format!("{issue_at}/comments");
        let comment = self.call("POST", &path, Some(&discuss), Some(words)).await?;
        self.call("GET", &path, Some(&read), None).await?;
        self.call("DELETE", "/installation/token", Some(&read), None).await?;
        let publish = self.mint().await?;
        let mut http = watch.elapsed();

        let watch = Stopwatch::start();
        let url = self.url(emulator, repo, &publish);
        let heads = "+refs/heads/*:refs/heads/*";
        git(&self.dir.join("mirror.git"), &["fetch", "--quiet", "--prune", "--", &url, heads])
            .await?;
        self.bare(&workspace, &["read-tree", "-u", "--reset", "main"]).await?;
        let mut transfers = watch.elapsed();

        let watch = Stopwatch::start();
        let text = program(&workspace, &["cat", "--", "sum.txt"], "").await?;
        program(&workspace, &["tee", "--", "sum.txt"], &text.replace("= 3", "= 2")).await?;
        let programs = watch.elapsed();

        let watch = Stopwatch::start();
        self.bare(&workspace, &["add", "--all", "--", "."]).await?;
        let tree = self.bare(&workspace, &["write-tree"]).await?;
        let commit =
            self.bare(&workspace, &["commit-tree", &tree, "-p", "main", "-m", &branch]).await?;
        let name = format!("refs/heads/{branch}");
        let to = format!("{commit}:{name}");
        self.bare(&workspace, &["push", "--quiet", "--", &url, &to]).await?;
        transfers += watch.elapsed();

        // One check before the push and one after it (spec: X9, P7).
        let watch = Stopwatch::start();
        for _ in 0..2 {
            self.bare(&workspace, &["ls-remote", "--refs", "--", &url, &name]).await?;
        }
        let looks = watch.elapsed();

        let watch = Stopwatch::start();
        self.call("GET", &format!("{at}/pulls?head=octo:{branch}&state=all"), Some(&publish), None)
            .await?;
        let pull = json!({ "title": branch, "head": branch, "base": "main", "body": "Done." });
        self.call("POST", &format!("{at}/pulls"), Some(&publish), Some(pull)).await?;
        self.call("DELETE", "/installation/token", Some(&publish), None).await?;
        let id = comment["id"].as_u64().ok_or("a comment without an id")?;
        let words = json!({ "body": "Opened." });
        self.call("PATCH", &format!("{at}/issues/comments/{id}"), Some(&discuss), Some(words))
            .await?;
        self.call("DELETE", "/installation/token", Some(&discuss), None).await?;
        http += watch.elapsed();

        emulator.delete_branch(repo, &branch).await?;
        std::fs::remove_dir_all(&workspace)?;
        std::fs::remove_file(self.dir.join("mirror.git/index"))?;
        let all = [transfers, looks, http, programs];
        for ((_, side), took) in self.parts.iter_mut().zip(all) {
            side.add(took);
        }
        Ok(all.into_iter().sum())
    }

    async fn mint(&self) -> Result<String> {
        let path = format!("/app/installations/{}/access_tokens", self.installation);
        let minted = self.call("POST", &path, None, Some(json!({}))).await?;
        Ok(minted["token"].as_str().ok_or("there is no token")?.to_owned())
    }

    /// Calls the API with a token, or as the App.
    async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Result<Value> {
        let authorization =
            token.map_or_else(|| self.jwt.clone(), |token| format!("Bearer {token}"));
        let request = self
            .client
            .request(method.parse()?, format!("{}{path}", self.api))
            .header("user-agent", "bench")
            .header("authorization", authorization)
            .body(body.map(|body| body.to_string()).unwrap_or_default());
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.bytes().await?;
        if !status.is_success() {
            return Err(format!("{method} {path}: {status}").into());
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_slice(&text)? })
    }

    fn url(&self, emulator: &Emulator, repo: &RepoRef, token: &str) -> String {
        emulator.git_url(repo).replace("://", &format!("://x-access-token:{token}@"))
    }

    /// Runs git on the mirror itself, with the workspace as the work tree.
    async fn bare(&self, workspace: &Path, arguments: &[&str]) -> Result<String> {
        let mirror = format!("--git-dir={}", self.dir.join("mirror.git").display());
        let files = format!("--work-tree={}", workspace.display());
        let settings =
            ["-c", "core.bare=false", "-c", "user.name=a", "-c", "user.email=a@localhost"];
        let all = [&[mirror.as_str(), files.as_str()][..], &settings[..], arguments].concat();
        git(workspace, &all).await
    }
}

/// Runs a program of the agent without isolation.
async fn program(dir: &Path, argv: &[&str], stdin: &str) -> Result<String> {
    let mut child = Command::new(argv[0])
        .args(&argv[1..])
        .current_dir(dir)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(stdin.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    Ok(String::from_utf8(output.stdout)?)
}
