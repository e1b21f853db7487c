//! The command line of an agent whose kind begins with `command:`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};

/// Splits a command line into words as a POSIX shell does, but without variables and globs. Checks
/// the first word, which names the program.
///
/// If the program is started on this machine, a relative path is made absolute, because the current
/// directory of the agent is the workspace. In a container, a relative path is rejected, because it
/// would name a file of the repository.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if a quote is not closed, if the program does not exist or cannot be
/// executed, or if a program in a container has a relative path.
pub(super) fn parse(line: &str, on_this_machine: bool) -> Result<Vec<String>> {
    let mut argv = shlex::split(line)
        .ok_or_else(|| invalid("the agent's command has an unclosed quote: close it".to_owned()))?;
    let Some(program) = argv.first_mut() else { return Ok(argv) };
    if !program.contains('/') {
        if on_this_machine && find_in_path(program).is_none() {
            return Err(invalid(format!(
                "the agent's program `{program}` is not in PATH: install the program, or set its path, \
                 such as `./{program}`"
            )));
        }
        return Ok(argv);
    }
    if !on_this_machine {
        if !program.starts_with('/') {
            return Err(invalid(format!(
                "the agent's program `{program}` is a relative path, which would be a file of the \
                 repository: set the absolute path of a program in the image"
            )));
        }
        return Ok(argv);
    }
    let path = std::path::absolute(&*program).map_err(|e| {
        invalid(format!("cannot get the absolute path of the agent's program `{program}`"))
            .with_source(e)
    })?;
    let problem = match std::fs::metadata(&path) {
        Err(e) => format!("cannot be found: {e}"),
        Ok(found) if !found.is_file() => "is not a file".to_owned(),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            "is not executable: make it executable with `chmod +x`".to_owned()
        }
        Ok(_) => {
            *program = path.to_string_lossy().into_owned();
            return Ok(argv);
        }
    };
    Err(invalid(format!("the agent's program {} {problem}", path.display())))
}

/// Returns the first executable file with the name `program` in the directories of `PATH`.
fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        // Relative entries would be searched in the workspace, so the runner ignores them.
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    std::fs::metadata(file)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn invalid(line: String) -> Error {
    Error::new(ErrorKind::InvalidInput, line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::parse;

    /// The expected words of the command line, or a part of the expected error message.
    type Expected = std::result::Result<Vec<String>, &'static str>;

    #[test]
    fn words_are_split_and_the_program_is_checked() {
        let words = |words: &[&str]| Ok(words.iter().map(|word| (*word).to_owned()).collect());
        let cases: &[(&str, &str, Expected)] = &[
            ("sh -c 'a \"b\" c'", "subprocess", words(&["sh", "-c", "a \"b\" c"])),
            ("/bin/sh $HOME *", "subprocess", words(&["/bin/sh", "$HOME", "*"])),
            ("sh 'open", "subprocess", Err("unclosed quote")),
            ("no-such-program-here", "subprocess", Err("is not in PATH")),
            ("/no/such/program", "subprocess", Err("/no/such/program cannot be found")),
            ("./no-such-program", "subprocess", Err("cannot be found")),
            ("/etc", "subprocess", Err("is not a file")),
            ("/etc/passwd", "subprocess", Err("chmod +x")),
            ("./in-the-repository", "docker", Err("would be a file of the repository")),
            ("/opt/agent --fast", "docker", words(&["/opt/agent", "--fast"])),
            ("only-in-the-image", "docker", words(&["only-in-the-image"])),
        ];
        for (line, runner, expected) in cases {
            match (parse(line, *runner == "subprocess"), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(&found, expected, "{line}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{line}: {error}");
                }
                (found, expected) => panic!("{line}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_relative_program_is_made_absolute() {
        let program = std::env::current_exe().unwrap();
        let here = std::env::current_dir().unwrap();
        let up = "../".repeat(here.components().count());
        let relative = format!("./{up}{}", program.strip_prefix("/").unwrap().display());
        let argv = parse(&relative, true).unwrap();
        assert!(argv[0].starts_with('/'), "{argv:?}");
    }
}
