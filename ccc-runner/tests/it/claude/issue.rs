//! What an issue says is data for the model, and no command to the program.

use ccc_core::agent::Verdict;

use super::repository::plain;
use super::{Fixture, program};

const SECRET: &str = "a-secret-of-the-host-4711";

/// Whether the model was shown the file.
fn shown(fixture: &Fixture) -> bool {
    fixture
        .model
        .seen()
        .iter()
        .any(|request| String::from_utf8_lossy(&request.body).contains(SECRET))
}

/// Claude Code puts files in the place of such words, before it asks the model or any permission.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_an_issue_names_is_not_read_for_it() {
    // spec: X12d
    let Some(program) = program() else { return };
    let outside = tempfile::TempDir::new().unwrap();
    let file = outside.path().join("secret.txt");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let absolute = format!("It crashes, see @{} for how.", file.display());
    let up = "../".repeat(20);
    let relative = format!("See @{up}{}", file.display().to_string().trim_start_matches('/'));
    for prompt in [absolute, relative] {
        let fixture = Fixture::new("[[turn]]\nsay = 'Done.'").await;
        plain(&fixture, &program, &prompt, || shown(&fixture)).await;
        assert!(shown(&fixture), "plain Claude Code does not read it: {prompt}");

        let fixture = Fixture::new("[[turn]]\nsay = 'Done.'").await;
        let mut task = fixture.task();
        task.prompt.clone_from(&prompt);
        let ran = fixture.run_task(&fixture.real(&[]).unwrap(), &task).await;
        assert_eq!(ran.report().verdict, Verdict::Completed);
        assert!(!fixture.model.seen().is_empty() && !shown(&fixture), "ours reads it: {prompt}");
    }
}
