//! The texts of remedies, which name the commands and settings of the program.

use ccc_core::{Error, Remedy};

/// Returns the text of the remedy of `error`: the step with which the operator resolves the error.
/// Returns `None` if `error` has no remedy, or if the program has no command or setting for the
/// remedy.
pub(crate) fn fix(error: &Error) -> Option<&'static str> {
    Some(match error.remedy()? {
        Remedy::GenerateKey => "`ccc keygen` prints a new random key",
        Remedy::RotateKey => {
            "generate a new key with `ccc keygen`, insert the key as the first line of the key file (setting \
             store.key_file) or of the variable CCC_STORE__KEY, and run `ccc config rotate-key`"
        }
        Remedy::BuildImage => {
            "build the image with the script images/build, or pull the image into the container engine"
        }
        Remedy::PermitAgentAsRoot => {
            "start `ccc` as an ordinary user, or set runner.dangerously_as_root to true"
        }
        Remedy::PermitUnencryptedEngine => {
            "use TLS (set runner.host to an https:// address of the engine, and set DOCKER_CERT_PATH), or use a tunnel \
             (set runner.host to the local end of the tunnel), or set runner.dangerously_unencrypted to true to permit \
             the unencrypted connection"
        }
        Remedy::ReplaceStored => {
            "start `ccc serve --use-configured` once to store the configured credential, or remove the credential \
             from the configuration"
        }
        _ => return None,
    })
}

/// Returns `error` and the text of its remedy in one line, for logs and lists.
pub(crate) fn describe(error: &Error) -> String {
    match fix(error) {
        Some(fix) => format!("{error}: {fix}"),
        None => error.to_string(),
    }
}

/// Returns `error` and the text of its remedy in two lines, for a terminal.
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
    fn the_text_of_a_remedy_names_commands_and_settings_of_the_program() {
        for (remedy, expected) in [
            (Remedy::GenerateKey, "ccc keygen"),
            (Remedy::RotateKey, "ccc config rotate-key"),
            (Remedy::BuildImage, "images/build"),
            (Remedy::PermitAgentAsRoot, "runner.dangerously_as_root"),
            (Remedy::PermitUnencryptedEngine, "runner.dangerously_unencrypted"),
            (Remedy::ReplaceStored, "ccc serve --use-configured"),
        ] {
            let error = Error::new(ErrorKind::InvalidInput, "it is wrong").with_remedy(remedy);
            // The remedy of the error's cause is also found.
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
