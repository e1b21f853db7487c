//! The remedies of errors, worded with the program's commands and settings.

use ccc_core::{Error, Remedy};

/// Returns what the operator does about an error; `None` if the program has no command or setting
/// for it.
pub(crate) fn fix(error: &Error) -> Option<&'static str> {
    Some(match error.remedy()? {
        Remedy::GenerateKey => "`ccc keygen` makes one",
        Remedy::RotateKey => {
            "put a key of `ccc keygen` before the present one and run `ccc config rotate-key`"
        }
        Remedy::BuildImage => "build it with images/build, or pull it to the engine",
        Remedy::PermitAgentAsRoot => {
            "start the service as an ordinary user, or set runner.dangerously_as_root"
        }
        Remedy::PermitUnencryptedEngine => {
            "use https://… with DOCKER_CERT_PATH, or a tunnel's end on this machine, or set \
             runner.dangerously_unencrypted"
        }
        _ => return None,
    })
}

/// Returns an error and its fix in one line, for logs and lists.
pub(crate) fn describe(error: &Error) -> String {
    match fix(error) {
        Some(fix) => format!("{error}: {fix}"),
        None => error.to_string(),
    }
}

/// Returns an error and its fix in lines of their own, for a terminal.
pub(crate) fn describe_in_lines(error: &Error) -> String {
    match fix(error) {
        Some(fix) => format!("error: {error}\n  fix: {fix}"),
        None => format!("error: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use ccc_core::ErrorKind;

    use super::{describe, describe_in_lines};
    use ccc_core::{Error, Remedy};

    #[test]
    fn a_remedy_is_worded_with_the_program_s_commands_and_settings() {
        for (remedy, expected) in [
            (Remedy::GenerateKey, "ccc keygen"),
            (Remedy::RotateKey, "ccc config rotate-key"),
            (Remedy::BuildImage, "images/build"),
            (Remedy::PermitAgentAsRoot, "runner.dangerously_as_root"),
            (Remedy::PermitUnencryptedEngine, "runner.dangerously_unencrypted"),
        ] {
            let error = Error::new(ErrorKind::InvalidInput, "it is wrong").with_remedy(remedy);
            // A remedy counts through the causes of an error, too.
            let outer = Error::new(ErrorKind::Unavailable, "cannot start").with_source(error);
            let line = describe(&outer);
            assert!(line.starts_with("cannot start: it is wrong: "), "{line}");
            assert!(line.contains(expected) && !line.contains('\n'), "{line}");
            let lines = describe_in_lines(&outer);
            assert!(lines.starts_with("error: cannot start: it is wrong\n  fix: "), "{lines}");
            assert!(lines.contains(expected), "{lines}");
        }
    }

    #[test]
    fn an_error_without_a_fix_is_shown_as_it_is() {
        let error = Error::new(ErrorKind::NotFound, "there is no such run");
        for error in [error, Error::new(ErrorKind::NotFound, "no").with_remedy(Remedy::ListRuns)] {
            assert_eq!(describe(&error), error.to_string());
            assert_eq!(describe_in_lines(&error), format!("error: {error}"));
        }
    }
}
