//! Steps with which an operator can resolve an error. The steps do not name the commands of a
//! specific program.

/// A step that an operator can take to resolve an [`Error`](crate::Error).
///
/// The libraries do not know the commands and configuration keys of the program that embeds them.
/// Therefore a library only attaches a remedy with
/// [`Error::with_remedy`](crate::Error::with_remedy). The program that prints the error names the
/// command or key for this remedy.
///
/// # Examples
///
/// ```
/// use ccc_core::{Error, ErrorKind, Remedy};
///
/// /// Describes a remedy for the users of one program.
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
    /// Add a new encryption key as the first of the configured keys, and encrypt the stored
    /// credentials again with the new key.
    RotateKey,
    /// Build the container image with the build script that belongs to the program, or pull the
    /// image into the container engine.
    BuildImage,
    /// Start the service as an ordinary user, or permit the agent to run as root.
    PermitAgentAsRoot,
    /// Encrypt the connection to the container engine, or permit an unencrypted connection.
    PermitUnencryptedEngine,
    /// Replace the stored credential by the configured one, or remove the credential from the
    /// configuration.
    ReplaceStored,
    /// List the runs in the run store, to find the id of a run.
    ListRuns,
}
