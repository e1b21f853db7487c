//! Steps that resolve an error, independent of the program that reports it.

/// A step that an operator can take to resolve an [`Error`](crate::Error).
///
/// The libraries know neither the commands nor the configuration keys of the program that embeds
/// them. They attach a remedy with [`Error::with_remedy`](crate::Error::with_remedy), and the
/// program describes it in its own terms when it prints the error.
///
/// # Examples
///
/// ```
/// use ccc_core::{Error, ErrorKind, Remedy};
///
/// /// Words a remedy for the users of one program.
/// fn advice(error: &Error) -> Option<&'static str> {
///     match error.remedy()? {
///         Remedy::BuildImage => Some("run `make image`"),
///         _ => None,
///     }
/// }
///
/// let error = Error::new(ErrorKind::NotFound, "there is no image").with_remedy(Remedy::BuildImage);
/// assert_eq!(advice(&error), Some("run `make image`"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Generate a random secret of 32 bytes, for use as an encryption key or as a token.
    GenerateKey,
    /// Configure a new encryption key before the current one, and encrypt the stored credentials
    /// again with the new key.
    RotateKey,
    /// Build the container image with the script of the program, or pull the image into the
    /// container engine.
    BuildImage,
    /// Start the service as an ordinary user, or permit the agent to run as root.
    PermitAgentAsRoot,
    /// Encrypt the connection to the container engine, or permit an unencrypted connection.
    PermitUnencryptedEngine,
    /// Replace the stored credential by the configured one, or remove the credential from the
    /// configuration.
    ReplaceStored,
    /// List the runs in the run store.
    ListRuns,
}
