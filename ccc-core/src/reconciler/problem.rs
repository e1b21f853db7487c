//! The reasons why deliveries do not reach the service.

use std::fmt;

use jiff::Timestamp;

use super::history::History;
use crate::{DeliveryLog, Error, ErrorKind, Result};

/// The reason why deliveries do not reach the service. Its text does not state the next step, which
/// depends on the program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryProblem {
    /// The host sends deliveries to another address than the one of the last delivery that arrived.
    AddressChanged {
        /// The address of the last delivery that arrived.
        from: String,
        /// The address that the host sends deliveries to now.
        to: String,
    },
    /// Deliveries get no response, or none of this service.
    Unreachable {
        /// The address that the host sends deliveries to; `None` if the host has no address.
        address: Option<String>,
    },
    /// The host signs deliveries with a secret that this service does not have.
    SecretChanged,
    /// The host has suspended or removed the account of the service. The text is that of the error.
    Suspended(String),
    /// The host refuses the credential of the service. The text is that of the error.
    CredentialRefused(String),
}

impl fmt::Display for DeliveryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressChanged { from, to } => write!(
                f,
                "the VCS host now sends deliveries to {to}, where they fail; the last delivery that arrived was \
                 sent to {from}"
            ),
            Self::Unreachable { address: Some(address) } => {
                write!(f, "deliveries do not reach the service: the VCS host sends them to {address}")
            }
            Self::Unreachable { address: None } => {
                f.write_str("deliveries do not reach the service: the VCS host has no address for them")
            }
            Self::SecretChanged => f.write_str(
                "all recent deliveries were refused, because they are signed with a secret that the service does \
                 not have",
            ),
            Self::Suspended(error) => {
                write!(f, "the VCS host has suspended or removed the account of the service: {error}")
            }
            Self::CredentialRefused(error) => {
                write!(f, "the VCS host refuses the credential of the service: {error}")
            }
        }
    }
}

impl DeliveryProblem {
    /// Returns the problem that `error`, the error of a call of the log, shows.
    pub(super) fn of_error(error: &Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::NotFound => {
                Some(Self::Suspended(error.to_string()))
            }
            ErrorKind::Unauthenticated => Some(Self::CredentialRefused(error.to_string())),
            _ => None,
        }
    }
}

/// Returns the problem that the attempts since `started` show. Attempts before this time may have
/// failed because the service was not running.
pub(super) async fn find(
    log: &dyn DeliveryLog,
    history: &History,
    started: Timestamp,
) -> Result<Option<DeliveryProblem>> {
    let arrived = |status: Option<u16>| status.is_some_and(|status| (200..300).contains(&status));
    let recent = history.attempts().iter().filter(|attempt| attempt.delivered_at >= started);
    let failed: Vec<_> = recent.take_while(|attempt| !arrived(attempt.status)).collect();
    if failed.is_empty() {
        return Ok(None);
    }
    if failed.iter().all(|attempt| attempt.status == Some(401)) {
        return Ok(Some(DeliveryProblem::SecretChanged));
    }
    // This service answers none of these to a delivery that was sent to its address.
    let elsewhere =
        |status: Option<u16>| matches!(status, None | Some(300..=399 | 404 | 405 | 410));
    if !failed.iter().all(|attempt| elsewhere(attempt.status)) {
        return Ok(None);
    }
    let address = log.address().await?;
    let last = history.attempts().iter().find(|attempt| arrived(attempt.status));
    if let (Some(to), Some(last)) = (&address, last) {
        let from = match log.request(last.handle).await {
            // The entry is no longer in the log, or is larger than a response may be.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::LimitExceeded) =>
            {
                String::new()
            }
            sent => sent?.address,
        };
        if from != *to && !from.is_empty() {
            return Ok(Some(DeliveryProblem::AddressChanged { from, to: to.clone() }));
        }
    }
    Ok(Some(DeliveryProblem::Unreachable { address }))
}
