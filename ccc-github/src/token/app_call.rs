//! API calls that authenticate as the GitHub App itself, with a JWT.

use ccc_core::{Error, ErrorKind};
use http::StatusCode;
use jiff::SignedDuration;

use crate::client::{ApiError, Authorization, Call, Caller, parse};
use crate::jwt::app_jwt;
use crate::token::identity::AppIdentity;
use crate::token::tokens::Tokens;

type Sent = Result<http::Response<bytes::Bytes>, ApiError>;

impl Tokens {
    /// Sends `call` as the current GitHub App; see [`send_as`](Self::send_as).
    pub(crate) async fn send_as_app(&self, call: &Call) -> Sent {
        self.send_as(&*self.app()?, call).await
    }

    /// Sends `call` as the GitHub App `app`, with a new JWT. If GitHub refuses the JWT, and the
    /// response shows that the local clock is wrong, sends the call again with a corrected JWT
    /// (spec: G3).
    pub(crate) async fn send_as(&self, app: &AppIdentity, call: &Call) -> Sent {
        let skew = self.client.skew();
        let mut corrected = false;
        loop {
            let jwt = app_jwt(app.app_id, &app.key, self.client.now())?;
            let authorization =
                Authorization { caller: Caller::App(app.app_id), token: Some(&jwt), repo: None };
            let error = match self.client.send(call, authorization).await {
                Err(error) if error.has_status(StatusCode::UNAUTHORIZED) => error,
                answer => return answer,
            };
            let off = (self.client.skew() - skew).abs() > SignedDuration::from_secs(30);
            if off && !corrected {
                corrected = true;
                continue;
            }
            let line = format!(
                "GitHub does not accept the App's JWT: check that the configured private key \
                 belongs to App ID {}, and that the clock of the host machine is correct ({error})",
                app.app_id,
            );
            return Err(Error::new(ErrorKind::Unauthenticated, line).into());
        }
    }

    /// Sends `call` as the GitHub App `app`, and parses the response.
    pub(super) async fn ask_as<T>(&self, app: &AppIdentity, call: &Call) -> Result<T, ApiError>
    where
        T: serde::de::DeserializeOwned,
    {
        parse(call, &self.send_as(app, call).await?)
    }
}
