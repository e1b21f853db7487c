//! The receiver of the secrets that an agent creates.

use std::fmt::Debug;

use crate::Secret;

/// A receiver of the secrets of one run, such as a [`Redactor`](crate::observe::Redactor).
/// Afterwards, the secrets are removed from everything that the run shows, stores and publishes.
pub trait SecretSink: Debug + Send + Sync {
    /// Receives a secret. The sink ignores secrets that are too short to be found reliably.
    fn add(&self, secret: &Secret);
}
