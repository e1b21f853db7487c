//! An emulated GitHub in this process, for tests of any GitHub App. It sends webhook deliveries and
//! injects faults.
//!
//! ```sh
//! cargo run -p ccc-embed --bin github_emulator
//! ```
use std::sync::Arc;

use ccc_core::{SystemClock, VcsHost, event::RepoRef};
use ccc_github::{AppKey, GitHub};
use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{Emulator, EmulatorConfig, Fault};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    // Without this published test key, the emulator generates an RSA key, which takes seconds in a
    // debug build.
    let config = EmulatorConfig::new(directory.path(), "webhook secret".into()).with_test_key();
    let github = Emulator::start(config).await?;
    let repo = github.add_empty_repository("octo-org", "hello").await?;
    let issue = github.open_issue(&repo, "octo-org", "It crashes", "Always.").await?;

    // Replace this with your own GitHub App. Here it is the GitHub adapter of this project.
    let key = AppKey::from_pem(&github.private_key_pem().expose_secret().into())?;
    let app = GitHub::builder(github.app_id(), key, Arc::new(SystemClock))
        .api_url(github.api_url())
        .build()?;

    // The emulator answers one request with an error after it has stored the comment. The App must
    // not write the comment twice.
    let path = format!("/repos/octo-org/hello/issues/{issue}/comments");
    github.inject(Fault::on("POST", &path).status(502).after_the_effect());
    let (owner, name) = (repo.owner.clone(), repo.name.clone());
    let core_repo = RepoRef { host: github.host().to_owned(), id: repo.id, owner, name };
    app.upsert_comment(&core_repo, issue, "marker", "I am looking into it.").await?;

    for call in github.calls() {
        println!("{} {} {:?}", call.method, call.path, call.status);
    }
    println!("{} comment", github.comments(&repo, issue).len());
    github.stop().await;
    Ok(())
}
